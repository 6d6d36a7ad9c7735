package exec

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGroupAlive(t *testing.T) {
	t.Parallel()
	require.True(t, groupAlive(syscall.Getpgrp()))
	require.False(t, groupAlive(1<<30))
}

func TestLiveMember(t *testing.T) {
	t.Parallel()
	tests := []struct {
		stat string
		want bool
	}{
		{"12 (sh) S 1 77 77 0", true},
		{"12 (a) b) R 1 2) R 1 77 77 0", true},
		{"12 (sh) Z 1 77 77 0", false},
		{"12 (sh) X 1 77 77 0", false},
		{"12 (sh) S 1 78 77 0", false},
		{"12 (sh) S", false},
		{"", false},
	}
	for i, tt := range tests {
		file := filepath.Join(t.TempDir(), strconv.Itoa(i))
		require.NoError(t, os.WriteFile(file, []byte(tt.stat), 0o600))
		require.Equal(t, tt.want, liveMember(file, []byte("77")), tt.stat)
	}
	require.False(t, liveMember(filepath.Join(t.TempDir(), "none"), []byte("77")))
}
