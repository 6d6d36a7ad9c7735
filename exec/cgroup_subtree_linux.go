package exec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A script that runs containers makes cgroups of its own below that of its run.

// subtree lists a cgroup and those below it, each before what is in it.
func subtree(path string) (dirs []string) {
	_ = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, name)
		}
		return nil // one that has gone meanwhile has nobody in it
	})
	return dirs
}

// members are the processes in the cgroup and below it; not ok without one.
func (g *cgroup) members() (map[int]bool, bool) {
	if g == nil {
		return nil, false
	}
	ids := make(map[int]bool)
	dirs := subtree(g.path)
	for _, dir := range dirs {
		data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for line := range strings.FieldsSeq(string(data)) {
			if id, err := strconv.Atoi(line); err == nil {
				ids[id] = true
			}
		}
	}
	return ids, len(dirs) > 0
}

// removeCgroup removes a cgroup with those below it, unless there is still a process in one of them: what a script left
// behind on purpose keeps what it has made.
func removeCgroup(path string) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) || inhabited(path) {
		return err
	}
	for _, dir := range slices.Backward(subtree(path)) {
		err = os.Remove(dir) // the last one is the cgroup itself
	}
	return err
}

func inhabited(path string) bool {
	n, ok := keyed(filepath.Join(path, "cgroup.events"), "populated")
	return !ok || n != 0
}
