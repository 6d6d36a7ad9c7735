package exec

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestSessionAlive(t *testing.T) {
	t.Parallel()
	session, err := unix.Getsid(0)
	require.NoError(t, err)
	require.True(t, sessionAlive(session))
	require.False(t, sessionAlive(1<<30))
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " 34816 77 4194304 1 2 3 4 100 20 3 5 20 0 1 0 12345"
	tests := []struct {
		stat  string
		want  procStat
		ok    bool
		alive bool
	}{
		{"12 (sh) S 1 77 78" + rest, procStat{state: 'S', group: 77, session: 78, cpu: 1280 * time.Millisecond}, true, true},
		{"12 (a) b) R 1 2) R 1 77 78" + rest, procStat{state: 'R', group: 77, session: 78, cpu: 1280 * time.Millisecond}, true, true},
		{"12 (sh) Z 1 77 78" + rest, procStat{state: 'Z', group: 77, session: 78, cpu: 1280 * time.Millisecond}, true, false},
		{"12 (sh) X 1 77 78" + rest, procStat{state: 'X', group: 77, session: 78, cpu: 1280 * time.Millisecond}, true, false},
		{"12 (sh) S 1 77", procStat{}, false, false},
		{"", procStat{}, false, false},
	}
	for _, tt := range tests {
		got, ok := parseStat([]byte(tt.stat))
		require.Equal(t, tt.want, got, tt.stat)
		require.Equal(t, tt.ok, ok)
		require.Equal(t, tt.alive, ok && got.alive())
	}
	own, ok := readStat(os.Getpid())
	require.True(t, ok)
	require.Equal(t, syscall.Getpgrp(), own.group)
	require.Positive(t, privateMemory(os.Getpid()))
	_, ok = readStat(1 << 30)
	require.False(t, ok)
	require.Zero(t, privateMemory(1<<30))
}
