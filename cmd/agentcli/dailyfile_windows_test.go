package agentcli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Somebody reads the earlier part of the day while it is to be replaced: no line is lost.
func TestDailyFileWhoseEarlierPartIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, _, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 2)
	d.limit = 10
	write(t, d, "1234567\n")
	write(t, d, "2345678\n")
	reader, err := os.Open(filepath.Join(dir, "x.2026-01-30.1.log"))
	require.NoError(t, err)
	released := time.AfterFunc(50*time.Millisecond, func() { _ = reader.Close() })
	defer released.Stop()
	write(t, d, "3456789\n")
	require.Equal(t, "3456789\n", content(t, dir, "x.2026-01-30.log"))
	require.Equal(t, "2345678\n", content(t, dir, "x.2026-01-30.1.log"))
	require.False(t, strings.Contains(strings.Join(*warnings, " "), "missing"))
}
