package agentcli

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func itoa(n int) string { return strconv.Itoa(n) }

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// testSurroundings is a host with nothing on it but env.
func testSurroundings(t testing.TB, env map[string]string) surroundings {
	t.Helper()
	s := testScope(env)
	dir := t.TempDir()
	return surroundings{
		lookupEnv: s.lookupEnv,
		secrets:   func() (storedSecrets, error) { return storedSecrets{}, nil },
		dirs:      dirs{config: filepath.Join(dir, "etc"), data: filepath.Join(dir, "lib"), logs: filepath.Join(dir, "log")},
		scope:     s,
	}
}

// flagged makes flags from name, value pairs.
func flagged(pairs ...string) flagValues {
	flags := flagValues{}
	for i := 0; i < len(pairs); i += 2 {
		if flags[pairs[i]] == nil {
			flags[pairs[i]] = new([]string)
		}
		*flags[pairs[i]] = append(*flags[pairs[i]], pairs[i+1])
	}
	return flags
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}
