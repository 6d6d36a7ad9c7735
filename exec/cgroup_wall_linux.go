package exec

import (
	"os"
	"strconv"
)

// wall writes the limits that the controllers of the cgroup enforce by themselves. A controller that is not there is no
// error: what the processes use is measured anyway.
func (g *cgroup) wall(l Limits) error {
	for _, w := range []struct {
		file  string
		value int64
	}{{"memory.max", l.Memory}, {"pids.max", int64(l.Processes)}} {
		if w.value == 0 || !exists(g.file(w.file)) {
			continue
		}
		if err := os.WriteFile(g.file(w.file), strconv.AppendInt(nil, w.value, 10), 0); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// refused names a wall that the run has met: the kernel ended a process of it for memory, or refused it one.
func (g *cgroup) refused() Limit {
	if g == nil {
		return ""
	}
	if n, _ := keyed(g.file("memory.events"), "oom_kill"); n > 0 {
		return LimitMemory
	}
	if n, _ := keyed(g.file("pids.events"), "max"); n > 0 {
		return LimitProcesses
	}
	return ""
}
