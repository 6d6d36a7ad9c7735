//go:build unix

package agent_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tempKLP has a short path: a socket's has 100 bytes at most.
func tempKLP(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "klp") //nolint:usetesting // its names are too long
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "s")
}

func dialKLP(path string) (net.Conn, error) { return net.Dial("unix", path) }
