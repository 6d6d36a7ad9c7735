package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A part that has grown large is moved aside before the next one is made: for a moment
// the newest lines stand in the part that is named for the earlier ones.
func TestALogThatIsBeingMovedAside(t *testing.T) {
	t.Parallel()
	files := map[string]string{"agent.2026-01-31.1.log": "a\nb\n"}
	require.Equal(t, "b\n", tailOf(t, folder(t, files), "agent.log", 1, 100))
	files["agent.2026-01-30.log"] = "day before\n"
	files["agent.log"] = "bare\n"
	require.Equal(t, "a\nb\n", tailOf(t, folder(t, files), "agent.log", 9, 100))
}

// Whoever reads while the log is moved aside again and again gets lines that follow one
// another, and no error.
func TestALogThatIsMovedAsideWhileItIsRead(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"agent.2026-01-31.log": "0\n"})
	path := filepath.Join(dir, "agent.2026-01-31")
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- rotate(path, stop) }()
	defer func() {
		close(stop)
		require.NoError(t, <-stopped)
	}()
	for until, seen := time.Now().Add(generous), 0; seen < 500; seen++ {
		require.True(t, time.Now().Before(until))
		text, err := filesOf(filepath.Join(dir, "agent.log")).tail(30, 10_000)
		require.NoError(t, err)
		lines := strings.Fields(string(text))
		require.NotEmpty(t, lines)
		last := -1
		for _, line := range lines {
			n, err := strconv.Atoi(line)
			require.NoError(t, err)
			require.True(t, last < 0 || n == last+1, "%v", lines)
			last = n
		}
	}
}

// rotate writes numbers, and moves the file aside after every tenth.
func rotate(path string, stop <-chan struct{}) error {
	for n := 1; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if n%10 == 0 {
			if err := moveAside(path+".log", path+".1.log"); err != nil {
				return err
			}
		}
		file, err := os.OpenFile(path+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(file, n); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
}

// moveAside does it as soon as nobody reads the part that it replaces, where that matters.
func moveAside(from, to string) (err error) {
	for until := time.Now().Add(generous); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if err = os.Rename(from, to); err == nil || runtime.GOOS != "windows" {
			return err
		}
	}
	return err
}
