package agentcli

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAReleaseSaysWhatItWasBuiltFrom(t *testing.T) {
	t.Parallel()
	version := func(b Brand, args ...string) string {
		var out bytes.Buffer
		cmd := NewCommand(b)
		cmd.SetArgs(append([]string{"version"}, args...))
		cmd.SetOut(&out)
		require.NoError(t, cmd.ExecuteContext(t.Context()))
		return out.String()
	}
	b := Brand{Version: "1.4.0", Commit: "0123abc-modified", Date: "2026-02-02T02:40:00Z"}
	require.Equal(t, "kanade-agent 1.4.0 (0123abc-modified, 2026-02-02T02:40:00Z)\n", version(b))
	var info versionInfo
	require.NoError(t, json.Unmarshal([]byte(version(b, "--json")), &info))
	require.Equal(t, "0123abc", info.Revision)
	require.True(t, info.Modified)
	require.Equal(t, b.Date, info.Date)

	require.Equal(t, "kanade-agent 1.4.0 (0123abc)\n", version(Brand{Version: "1.4.0", Commit: "0123abc"}))
	require.Equal(t, "kanade-agent 1.4.0\n", version(Brand{Version: "1.4.0"}))
}
