//go:build linux

package inventory

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// hostOf is a host that has these files. A value that begins with "-> " is a
// symbolic link, from the root of the host on.
func hostOf(t *testing.T, files map[string]string) tree {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if to, ok := strings.CutPrefix(content, "-> "); ok {
			require.NoError(t, os.MkdirAll(filepath.Join(root, to), 0o700))
			require.NoError(t, os.Symlink(filepath.Join(root, to), path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return newTree(root)
}

// collect runs one probe that must find no problem.
func collect[T any](t *testing.T, p probe) T {
	t.Helper()
	var n notes
	section, err := p(t.Context(), &n)
	require.NoError(t, err)
	require.Empty(t, n.problems("x", nil))
	return section.(T)
}

func unzip(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(data)
}

// A host that has nothing gives nothing, without problems.
func TestAnEmptyHost(t *testing.T) {
	host := newTree(t.TempDir())
	require.Equal(t, "Linux", collect[*facts.OS](t, host.os).Name)
	require.Equal(t, &facts.Software{Programs: []facts.Program{}}, collect[*facts.Software](t, host.software))
	require.Equal(t, &facts.Services{Services: []facts.Service{}}, collect[*facts.Services](t, host.services))
	require.Equal(t, &facts.Accounts{Users: []facts.User{}, Groups: []facts.Group{}}, collect[*facts.Accounts](t, host.accounts))
	require.Equal(t, &facts.Security{}, collect[*facts.Security](t, host.security))
	require.Equal(t, &facts.Updates{}, collect[*facts.Updates](t, host.updates))
	require.Equal(t, &facts.Storage{Disks: []facts.Disk{}, Volumes: []facts.Volume{}}, collect[*facts.Storage](t, host.storage))
	require.Empty(t, collect[*facts.Hardware](t, host.hardware).CPUs)
}

// allocated is how much memory this process has asked for, ever.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
