package statedir

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatAnUpdateLeavesBesideTheProgramIsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, "tool", "tool.old", "tool.new", "tool.last-good", "tool.update.json", "release-keys/", ".Trash-1000/")
	require.Empty(t, Foreign(dir, filepath.Join(dir, "tool")))
	require.NotEmpty(t, Foreign(dir, filepath.Join(dir, "other")))
}
