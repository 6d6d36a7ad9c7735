package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		got, err := Tail(file, asked, 1<<20)
		require.NoError(t, err)
		require.Equal(t, want, got, asked)
	}
	got, err := Tail(file, 1000, 13)
	require.NoError(t, err)
	require.Equal(t, []string{"48", "line 1049"}, got)
}

func TestLinesOfNoLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, file := range []string{"", filepath.Join(dir, "agent.log"), filepath.Join(dir, "none", "agent.log")} {
		got, err := Tail(file, 10, 100)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "agent.log"), 0o700))
	_, err := Tail(filepath.Join(dir, "agent.log"), 10, 100)
	require.ErrorIs(t, err, ErrNoLog)
}
