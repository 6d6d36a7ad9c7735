package agentcli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutboxExport(t *testing.T) {
	t.Parallel()
	b, dir := stateFolder(t)
	out, err := b.do(t, "outbox", "export")
	require.NoError(t, err)
	lines := decodeLines(t, out)
	require.Len(t, lines, 4)
	require.Equal(t, "G1sySm5vbnNlbnNl", lines[0]["payload_base64"])
	require.Equal(t, "hello\x1b[1m", lines[2]["payload"].(map[string]any)["stdout"])

	file := filepath.Join(t.TempDir(), "all.ndjson")
	told, err := b.do(t, "outbox", "export", "-o", file)
	require.NoError(t, err)
	require.Equal(t, "4 records exported to "+file+"\n", told)
	require.Equal(t, out, content(t, file))
	_, err = b.do(t, "outbox", "export", "-o", file, "--stuck")
	require.ErrorContains(t, err, "--force overwrites it")
	require.Equal(t, out, content(t, file))
	told, err = b.do(t, "outbox", "export", "-o", file, "--stuck", "--force", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{"exported":2,"gone":0,"to":`+jsonText(t, file)+`}`, told)
	require.Len(t, decodeLines(t, content(t, file)), 2)
	_, err = b.do(t, "outbox", "export", "-o", filepath.Dir(file), "--force")
	require.ErrorContains(t, err, "is no regular file; name another")

	to := filepath.Join(t.TempDir(), "copy")
	_, err = b.do(t, "outbox", "export", "--dir", to)
	require.NoError(t, err)
	require.Equal(t, resultText("req-1", "hello\x1b[1m"), content(t, filepath.Join(to, "results", "req-1.json")))
	require.Contains(t, content(t, filepath.Join(to, "results", "stuck", "req-3.reason")), `"kind":"refused"`)
	require.FileExists(t, filepath.Join(to, "results", "stuck", hostile+".json"))
	_, err = b.do(t, "outbox", "export", "--dir", to)
	require.ErrorContains(t, err, "is there already")
	_, err = b.do(t, "outbox", "export", "--dir", to, "--force")
	require.NoError(t, err)

	for _, args := range [][]string{{"-o", filepath.Join(dir, "outbox", "new.json")}, {"--dir", filepath.Join(dir, "outbox", "stuck", "new")}} {
		_, err = b.do(t, append([]string{"outbox", "export"}, args...)...)
		require.ErrorContains(t, err, "is inside the outbox")
		require.NoFileExists(t, args[1])
	}
}
