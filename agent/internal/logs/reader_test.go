package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	t.Parallel()
	var all []string
	for n := range 1050 {
		all = append(all, fmt.Sprint("line ", n))
	}
	dir := folder(t, map[string]string{"agent.2026-05-24.log": strings.Join(all, "\r\n") + "\r\n"})
	file := filepath.Join(dir, "agent.log")
	for asked, want := range map[uint32][]string{0: nil, 1: all[1049:], 5: all[1045:], 1000: all[50:], 2000: all} {
		got, err := NewReader(file).Tail(asked, 1<<20)
		require.NoError(t, err)
		require.Equal(t, want, got, asked)
	}
	got, err := NewReader(file).Tail(1000, 13)
	require.NoError(t, err)
	require.Equal(t, []string{"48", "line 1049"}, got)
}

func TestLinesOfNoLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, file := range []string{"", filepath.Join(dir, "agent.log"), filepath.Join(dir, "none", "agent.log")} {
		got, err := NewReader(file).Tail(10, 100)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "agent.log"), 0o700))
	_, err := NewReader(filepath.Join(dir, "agent.log")).Tail(10, 100)
	require.ErrorIs(t, err, ErrNoLog)
}

// A disk that hangs holds up nobody for longer than a caller waits, whatever comes.
func TestADiskThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		var reads atomic.Int32
		r := NewReader("agent.log")
		r.read = func(uint32, int64) ([]byte, error) {
			reads.Add(1)
			<-goOn
			return []byte("line\n"), nil
		}
		began := time.Now()
		_, err := r.Tail(1, 100)
		require.ErrorIs(t, err, ErrNoAnswer)
		require.Equal(t, readWait, time.Since(began))
		for range 3 {
			began = time.Now()
			_, err := r.Tail(1, 100)
			require.ErrorIs(t, err, ErrNoAnswer)
			require.Equal(t, readWait, time.Since(began))
		}
		require.EqualValues(t, 1, reads.Load(), "one goroutine, however many ask")
		close(goOn)
		synctest.Wait()
		got, err := r.Tail(1, 100)
		require.NoError(t, err)
		require.Equal(t, []string{"line"}, got)
	})
}

// Callers at the same time have their turns.
func TestSeveralReadAtOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"agent.2026-05-24.log": "a\nb\n"})
	r := NewReader(filepath.Join(dir, "agent.log"))
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			got, err := r.Tail(1, 100)
			assert.NoError(t, err)
			assert.Equal(t, []string{"b"}, got)
		})
	}
	callers.Wait()
}
