package outbox

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// countingHandler counts what an operator would see.
type countingHandler struct{ warnings, infos atomic.Int32 }

func (h *countingHandler) logger() *slog.Logger                     { return slog.New(h) }
func (h *countingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h *countingHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *countingHandler) WithGroup(string) slog.Handler            { return h }

func (h *countingHandler) Handle(_ context.Context, r slog.Record) error {
	switch r.Level {
	case slog.LevelWarn:
		h.warnings.Add(1)
	case slog.LevelInfo:
		h.infos.Add(1)
	}
	return nil
}

func TestOpenSweepsAndLists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.json.tmp", "B.json.tmp", "a.json", "notes.tmp", "notes.txt"} {
		writeFile(t, dir, name, "x")
	}
	box := openBox(t, dir)
	require.Equal(t, 1, box.Stats().Pending)
	require.NoFileExists(t, filepath.Join(dir, "a.json.tmp"))
	require.NoFileExists(t, filepath.Join(dir, "B.json.tmp"))
	require.FileExists(t, filepath.Join(dir, "notes.tmp"), "not ours")
	require.FileExists(t, filepath.Join(dir, "notes.txt"))
}

func TestRecordsOutliveTheBox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	put(t, box, "a", "b")
	require.NoError(t, box.Close())
	box = openBox(t, dir)
	put(t, box, "a")
	require.Equal(t, Stats{Pending: 2, Kept: 1}, counts(box))
	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, 2, sent)
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "file", "")
	_, err := Open(filepath.Join(dir, "file"))
	require.ErrorContains(t, err, "outbox: open ")
	_, err = Open(filepath.Join(dir, "box"), WithWindow(0))
	require.ErrorContains(t, err, "window of 0 records")
	require.NoDirExists(t, filepath.Join(dir, "box"))
}

func TestLockAgainstThisProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	_, err := Open(dir)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, box.Close())
	openBox(t, dir)
}

func TestLockAgainstAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), lockHelperDir+"="+dir)
	_, err := other.StdinPipe() // open for as long as the process lives
	require.NoError(t, err)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "locked\n", line)
	_, err = Open(dir)
	require.ErrorIs(t, err, ErrLocked)

	require.NoError(t, other.Process.Kill())
	require.Error(t, other.Wait(), "killed")
	openBox(t, dir) // a dead process holds nothing
}

func TestLogIsThin(t *testing.T) {
	t.Parallel()
	var log countingHandler
	box := openBox(t, t.TempDir(), WithLogger(log.logger()), WithBackoff(retry.Backoff{Min: 1, Max: 1, Factor: 1}))
	put(t, box, "a", "b", "c")
	refusing := &stream{refuse: func(*nats.Msg) error { return errRefused }}
	for range 9 {
		_, err := box.Flush(t.Context(), refusing)
		require.Error(t, err)
	}
	require.EqualValues(t, 1, log.warnings.Load(), "the first failure of all")
	_, err := box.Flush(t.Context(), refusing)
	require.Error(t, err)
	require.EqualValues(t, 4, log.warnings.Load(), "each record's tenth")
}
