//go:build unix

package agent_test

import (
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mark is what this process and the broker hold at rest.
type mark struct {
	name       string
	commands   int
	heap       int // bytes
	goroutines int
	files      int
	consumers  int
}

// Growth beyond these is a leak. The agent remembers each command for eight days, and
// the test what became of it.
const (
	heapSlack    = 3 << 20
	heapCommand  = 2 << 10
	routineSlack = 3
	fileSlack    = 2
)

// held is what this process holds, the least of several looks: what is on its way is
// not held.
func held(name string, commands int) mark {
	m := mark{name: name, commands: commands, heap: math.MaxInt, goroutines: math.MaxInt, files: math.MaxInt}
	for range 20 {
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		m.heap, m.goroutines = min(m.heap, int(mem.HeapAlloc)), min(m.goroutines, runtime.NumGoroutine())
		m.files = min(m.files, openFiles())
		time.Sleep(50 * time.Millisecond) // between two looks
	}
	return m
}

// openFiles is 0 on systems that do not tell.
func openFiles() int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(all)
}

func (m mark) requireNoGrowth(t *testing.T, last mark, heap int) {
	t.Helper()
	require.LessOrEqual(t, last.goroutines, m.goroutines+routineSlack, "goroutines")
	require.LessOrEqual(t, last.files, m.files+fileSlack, "open files")
	require.LessOrEqual(t, last.heap, m.heap+heap+heapCommand*(last.commands-m.commands), "heap")
}
