package statedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenCreatesLocksAndVersionsTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "state")
	d, err := Open(path)
	require.NoError(t, err)
	_, err = Open(path)
	require.ErrorIs(t, err, ErrLocked)
	require.FileExists(t, d.Path("FORMAT"))
	require.NoError(t, d.Close())
	d, err = Open(path)
	require.NoError(t, err, "the lock goes with its owner")
	require.NoError(t, d.Close())
}

func TestFormat(t *testing.T) {
	for name, c := range map[string]struct {
		found string
		err   string
		after string
	}{
		"ours":            {found: `{"format":1,"oldest_reader":1}`, after: `{"format":1,"oldest_reader":1}`},
		"newer, readable": {found: `{"format":7,"oldest_reader":1}`, after: "{\"format\":1,\"oldest_reader\":1}\n"},
		"newer":           {found: `{"format":7,"oldest_reader":2}`, err: "newer release"},
		"empty":           {found: ``, err: "damaged"},
		"zero":            {found: `{}`, err: "damaged"},
		"not JSON":        {found: "\x00\x00\x00", err: "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			file := filepath.Join(path, "FORMAT")
			require.NoError(t, os.WriteFile(file, []byte(c.found), 0o600))
			d, err := Open(path)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.ErrorContains(t, err, path)
				raw, readErr := os.ReadFile(file)
				require.NoError(t, readErr)
				require.Equal(t, c.found, string(raw), "nothing is touched")
				return
			}
			require.NoError(t, err)
			require.NoError(t, d.Close())
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, c.after, string(raw))
		})
	}
}

func TestOpenRefusesAFileInItsPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := Open(path)
	require.ErrorContains(t, err, path)
}
