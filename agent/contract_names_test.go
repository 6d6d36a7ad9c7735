package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// safeFile is what a record's file may be called: nothing else comes from the wire.
var safeFile = regexp.MustCompile(`^[a-z0-9_-][a-z0-9._-]*\.json$`)

// Whatever a request is called, its files are in the state folder, under names that
// every file system takes, and closed to others; its result has the true name.
func TestHostileNamesStayInTheStateFolder(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	for _, stream := range []string{wire.StreamResults, wire.StreamEvents, wire.StreamObsEvents} { // the files stay
		require.NoError(t, s.js.DeleteStream(t.Context(), stream))
	}
	root := t.TempDir()
	s.cfg.StateDir = filepath.Join(root, "a", "b", "state")
	a, _ := startAgent(t, s.cfg, agent.WithHandler("hand", agent.HandlerFunc(func(_ context.Context, j agent.Job) error {
		_, err := j.Stdout.Write([]byte(`{"pc_id":"../x","at":"2031-03-04T04:59:30Z","kind":"../k","source":"../s","event_record_id":"../../e"}`))
		return err
	}), agent.ReportInterrupted))
	ready(t, a)

	hostile := []string{
		"../../escape", `..\..\escape`, "/tmp/escape", `C:\escape`, ".", "..", "CON", "nul.json", "a:b", "x.json.tmp", "Req", "req",
		"stuck", "stuck/x", "ä ö", "no > subject *", "a\x00b", strings.Repeat("long.", 120) + "x", ".hidden", "-rf", "~", "%TEMP%",
	}
	for _, id := range hostile {
		data, err := json.Marshal(map[string]any{
			"id": id, "version": id, "request_id": id, "exec_id": id, "shell": "hand", "script": "", "timeout_secs": 60, "emit": map[string]any{"type": "events"},
		})
		require.NoError(t, err)
		require.NoError(t, s.nc.Publish(wire.CommandsPC(pcID), data))
	}
	s.eventually(func() bool {
		now := a.Status()
		return now.Results.Pending == len(hostile) && now.Starts.Pending == len(hostile) && now.Observations.Pending >= len(hostile)
	}, "not all of them are answered")

	require.Equal(t, []string{"a", "b", "state"}, []string{only(t, root), only(t, filepath.Join(root, "a")), only(t, filepath.Join(root, "a", "b"))})
	var found []string
	for _, box := range []string{"outbox", "events-outbox", "obs-outbox"} {
		entries, err := os.ReadDir(filepath.Join(s.cfg.StateDir, box))
		require.NoError(t, err)
		for _, e := range entries {
			if e.IsDir() || !strings.HasSuffix(e.Name(), ".json") {
				continue // the box's own
			}
			require.Regexp(t, safeFile, e.Name())
			if box == "outbox" {
				data, err := os.ReadFile(filepath.Join(s.cfg.StateDir, box, e.Name()))
				require.NoError(t, err)
				r, err := wire.DecodeResult(data)
				require.NoError(t, err)
				found = append(found, r.RequestID)
			}
		}
	}
	require.ElementsMatch(t, hostile, found)
	requireClosed(t, s.cfg.StateDir)

	createStreams(t, s.nc)
	s.pending(a, 0)
	for _, id := range hostile {
		require.Len(t, s.results(id), 1, "%q", id)
		require.Equal(t, id, s.results(id)[0].RequestID)
	}
}

// only is the one entry of a folder.
func only(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, dir)
	return entries[0].Name()
}

// requireClosed: nobody but the owner may read or list anything in a folder. The agent
// goes on writing in it: what is gone when it is looked at is open to nobody.
func requireClosed(t *testing.T, root string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return // rights are those of the folder above; package statedir has tests of its own
	}
	require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		require.Zero(t, info.Mode().Perm()&0o077, "%s is open to others: %v", path, info.Mode())
		return nil
	}))
}
