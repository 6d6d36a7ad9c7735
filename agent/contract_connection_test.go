package agent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// A backend joins connections with hosts by the name of the connection.
func TestTheConnectionHasTheNameOfTheHost(t *testing.T) {
	t.Parallel()
	broker := jstest.NewBroker(t)
	cfg := DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Servers = "site.PC-1", t.TempDir(), []string{broker.URL()}
	a, err := New(cfg)
	require.NoError(t, err)
	p := &parts{report: a.newReport()}
	require.NoError(t, a.connect(p))
	t.Cleanup(p.own.Close)
	require.Equal(t, "kanade-agent/site.PC-1", p.own.Opts.Name)
	require.Equal(t, "_INBOX.site_PC-1", p.own.Opts.InboxPrefix)
}
