//go:build unix

package klp

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tempEndpoint has a short path: a socket's has 100 bytes at most.
func tempEndpoint(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "klp") //nolint:usetesting // its names are too long
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "s")
}

func dialOnce(path string) (*net.UnixConn, error) {
	return net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
}
