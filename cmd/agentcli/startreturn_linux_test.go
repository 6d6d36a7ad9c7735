package agentcli

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inStatus reads a line of /proc/self/status.
func inStatus(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			return n
		}
	}
	t.Fatalf("no %s in\n%s", name, text)
	return 0
}

// touchProgram reads all of the program that is mapped, as a start does with most of it.
func touchProgram(t *testing.T) {
	t.Helper()
	program, err := os.Readlink("/proc/self/exe")
	require.NoError(t, err)
	smaps, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	memory, err := os.Open("/proc/self/mem")
	require.NoError(t, err)
	defer memory.Close()
	mappings := cleanMappings(smaps, program)
	require.NotEmpty(t, mappings)
	for _, m := range mappings {
		_, err := memory.ReadAt(make([]byte, m.end-m.start), int64(m.start))
		require.NoError(t, err)
	}
}

func TestTheProgramLeavesMemoryAndWorksOn(t *testing.T) {
	touchProgram(t)
	before := inStatus(t, "RssFile")
	unmapProgram()
	after := inStatus(t, "RssFile")
	t.Logf("pages of the program and its like: %d kB, then %d kB", before, after)
	require.Less(t, after, before/2)
	require.Contains(t, string(debug.Stack()), "TestTheProgramLeavesMemory", "its tables come back")
}

func TestOnlyWhatNobodyWroteToIsUnmapped(t *testing.T) {
	t.Parallel()
	smaps := []byte(`00400000-00a84000 r-xp 00000000 fe:00 1  /opt/agent
Rss:                6212 kB
Anonymous:             0 kB
00a84000-01134000 r--p 00684000 fe:00 1  /opt/agent
Anonymous:            12 kB
01134000-0119b000 rw-p 00d34000 fe:00 1  /opt/agent
Anonymous:             0 kB
02134000-0219b000 r--p 00d34000 fe:00 1  /opt/agent
Anonymous:             0 kB
7f6db91ff000-7f6db9201000 r-xp 00000000 00:00 0  [vdso]
Anonymous:             0 kB
7f7db91ff000-7f7db9201000 r-xp 00000000 fe:00 2  /lib/else
Anonymous:             0 kB
`)
	require.Equal(t, []mapping{{0x400000, 0xa84000}, {0x2134000, 0x219b000}}, cleanMappings(smaps, "/opt/agent"))
	require.Empty(t, cleanMappings(smaps, "/opt/agent (deleted)"))
	require.Empty(t, cleanMappings([]byte("x-y r-xp 0 fe:00 1 /opt/agent\nAnonymous: 0 kB\nno mapping\n\n"), "/opt/agent"))
}
