package agentcli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func resultText(request, stdout string) string {
	text, err := json.Marshal(stdout)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"result_id":"id-%s","request_id":%q,"pc_id":"lab","exit_code":0,"stdout":%s,"stderr":"",`+
		`"started_at":"2031-03-04T05:00:01Z","finished_at":"2031-03-04T05:00:09Z"}`, request, request, text)
}

// stateFolder is one with some records, and a bench whose default it is.
func stateFolder(t *testing.T) (*bench, string) {
	t.Helper()
	b := newBench(t, nil)
	dir := b.around.dirs.data
	for name, text := range map[string]string{
		"outbox/req-1.json":                 resultText("req-1", "hello\x1b[1m"),
		"outbox/req-2.json":                 resultText("req-2", ""),
		"outbox/stuck/req-3.json":           resultText("req-3", ""),
		"outbox/stuck/req-3.reason":         `{"when":"2031-03-04T05:00:01Z","kind":"refused","why":"too large\u001b[2J","attempts":12}`,
		"outbox/stuck/" + hostile + ".json": "\x1b[2Jnonsense",
		"events-outbox/.lock":               "",
		"outbox/" + strings.Repeat("x", 10): "foreign",
	} {
		put(t, dir, name, text)
	}
	for _, folder := range []string{"outbox", "outbox/stuck", "events-outbox"} {
		require.NoError(t, os.Chmod(filepath.Join(dir, folder), 0o700))
	}
	return b, dir
}

var twoHoursAgo = time.Now().Add(-2 * time.Hour)

// put writes a file that is two hours old, give or take its name.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	when := twoHoursAgo.Add(time.Duration(-len(name)) * time.Second)
	require.NoError(t, os.Chtimes(path, when, when))
}

func decodeLines(t *testing.T, out string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		all = append(all, one)
	}
	return all
}

func jsonText(t *testing.T, s string) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return string(raw)
}

// slashed is a path without its volume, and with slashes.
func slashed(path string) string {
	return filepath.ToSlash(strings.TrimPrefix(path, filepath.VolumeName(path)))
}
