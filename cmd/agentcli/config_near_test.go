package agentcli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnknownKeysNameTheNearest(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"[scripts]\nmemry = 1":           ":8:9: warning: unknown key scripts.memry is ignored; did you mean scripts.memory?",
		"[scripts]\nlow-priority = true": ":8:16: warning: unknown key scripts.low-priority is ignored; did you mean scripts.low_priority?",
		"[klp]\nsocket = '/x'":           ":8:10: warning: unknown key klp.socket is ignored\n",
		"[update]\nlisten = ':1'":        ":8:10: warning: unknown key update.listen is ignored; did you mean metrics.listen?",
		"[script]\nmemory = 1":           ":7:2: warning: unknown table [script] is ignored; did you mean scripts?",
		"[updates]\nkeys = ''":           ":7:2: warning: unknown table [updates] is ignored; did you mean update?",
		"[tls]\nCA = '/x'":               ":8:6: warning: unknown key tls.CA is ignored",
	} {
		path := writeFile(t, "agent.toml", minimalFile+line+"\n")
		out, err := newBench(t, nil).do(t, "config", "check", "--config", path)
		require.NoError(t, err, line)
		require.Contains(t, out, path+want, line)
		require.Contains(t, out, ": 0 errors, 1 warning", line)
	}
}

// What is nobody's business here is not talked about, however long its name is.
func TestTablesOfOthers(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", "root = 1\n"+minimalFile+"[inventory]\nx = 1\n[vars]\ny = 2\n[teravars]\nz = 3\n["+strings.Repeat("x", 1<<19)+"]\n[agent."+strings.Repeat("y", 1<<18)+"]\n")
	out, err := newBench(t, nil).do(t, "config", "check", "--config", path)
	require.NoError(t, err)
	require.Contains(t, out, ": 0 errors, 1 warning")
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"a", ""}: 1, {"", "abc"}: 3, {"kitten", "sitting"}: 3, {"update", "updates"}: 1, {"abc", "abc"}: 0, {"ab", "ba"}: 1, {"jsno", "json"}: 1, {"abcd", "badc"}: 2, {"ca", "abc"}: 3,
	} {
		require.Equal(t, want, distance(pair[0], pair[1]), pair)
		require.Equal(t, want, distance(pair[1], pair[0]), pair)
	}
}
