package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where releases are published a tilde in a name becomes another character.
func TestNoFileNameHasATilde(t *testing.T) {
	t.Parallel()
	r := &release{dir: t.TempDir()}
	for _, name := range []string{"kanade-agent_1.4.0~rc.1_amd64.deb", "kanade-agent-1.4.0~rc.1-1.x86_64.rpm", "kanade-agent-1.4.0-rc.1-linux-x86_64"} {
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, name), nil, 0o600))
	}
	require.NoError(t, r.plainNames())
	entries, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"kanade-agent-1.4.0-rc.1-1.x86_64.rpm", "kanade-agent-1.4.0-rc.1-linux-x86_64", "kanade-agent_1.4.0-rc.1_amd64.deb"}, names)
}
