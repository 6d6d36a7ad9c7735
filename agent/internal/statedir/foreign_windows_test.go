package statedir

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesAreComparedWithoutTheirCase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, "Logs/", "app.2026-01-30.log", "TOOL.exe")
	require.Empty(t, Foreign(strings.ToLower(dir), filepath.Join(dir, "logs", "agent.log"), filepath.Join(strings.ToUpper(dir), "App.log"), filepath.Join(dir, "tool.exe")))
}
