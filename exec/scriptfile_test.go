package exec

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func stage(t *testing.T) *staged {
	t.Helper()
	s := &staged{parent: t.TempDir(), used: &inUse{}}
	for _, text := range []string{"first", "second"} {
		_, err := s.write(".sh", func(w io.Writer) error { return writeText(w, text) })
		require.NoError(t, err)
	}
	return s
}

func TestStagedScriptIsComparedBeforeTheStart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		meddle func(path string) error
		says   string
	}{
		{"removed", os.Remove, ""},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }, "is not what was written"},
		{"changed", func(path string) error { return os.WriteFile(path, []byte("seconD"), 0o600) }, "is not what was written"},
		{"longer", func(path string) error { return os.WriteFile(path, []byte("second!"), 0o600) }, "is not what was written"},
		{"folder removed", func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, ""},
	}
	for _, tt := range tests {
		s := stage(t)
		require.NoError(t, s.hand(account{}))
		require.False(t, s.gone())
		require.NoError(t, tt.meddle(s.files[1].path))
		err := s.hand(account{})
		require.ErrorIs(t, err, ErrScriptRemoved, tt.name)
		require.ErrorContains(t, err, "security software removed or changed the script: ")
		require.ErrorContains(t, err, tt.says)
	}
	unstaged := staged{}
	require.NoError(t, unstaged.hand(account{}))
}

func TestGone(t *testing.T) {
	t.Parallel()
	s := stage(t)
	require.NoError(t, os.Remove(s.files[0].path))
	require.True(t, s.gone())
	require.False(t, (&staged{}).gone())
}
