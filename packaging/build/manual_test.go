package main

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/cmd/agentcli"
)

func TestTheManualHasEveryVerbAndFlag(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	root := agentcli.NewCommand(agentcli.Brand{})
	require.NoError(t, manual(&out, root, "1.4.0", time.Date(2026, 2, 2, 2, 40, 0, 0, time.UTC)))
	text := strings.ReplaceAll(out.String(), `\-`, "-")
	require.True(t, strings.HasPrefix(text, ".TH KANADE-AGENT 1 2026-02-02 \"kanade-agent 1.4.0\""), text[:100])
	for _, part := range []string{".SS run\n", ".SS outbox ls", ".SS release sign <executable>\n", "--nats-url", "KANADE_NATS_TOKEN", "130  a second signal"} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, text, ".SS help")
}

// A line of a help text is never taken for a request of roff.
func TestTextIsNoMarkup(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{Use: "x", Short: "short.", Long: ".so /etc/passwd\n'so\n\\fBbold\n  .indented", Run: func(*cobra.Command, []string) {}}
	var out strings.Builder
	require.NoError(t, manual(&out, cmd, "1.0.0", time.Unix(0, 0)))
	require.Contains(t, out.String(), "\n\\&.so /etc/passwd\n\\&'so\n\\efBbold\n  .indented\n")
}
