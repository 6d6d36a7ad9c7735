package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// OwnCgroup returns the cgroup of this process, for [WithCgroup], if runs can be given cgroups of their own below it; else
// an error that matches ErrNoCgroup. It tries that out. A systemd service may divide its cgroup when its unit says
// "Delegate=yes"; the kernel's walls for memory and processes want "DelegateSubgroup=" too, and the folder above this one.
func OwnCgroup() (string, error) {
	dir, err := ownCgroup()
	if err != nil {
		return "", fmt.Errorf("exec: %w: %w", ErrNoCgroup, err)
	}
	g, err := newCgroups(dir).open(Limits{})
	if err != nil {
		return "", fmt.Errorf("exec: %w", err)
	}
	g.close()
	return dir, nil
}

func ownCgroup() (string, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	path, ok := unifiedPath(string(data))
	if !ok {
		return "", fmt.Errorf("no cgroup of version 2 in /proc/self/cgroup")
	}
	data, err = os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	mount, ok := unifiedMount(string(data))
	if !ok {
		return "", fmt.Errorf("no cgroup of version 2 is mounted")
	}
	return filepath.Join(mount, path), nil
}

// unifiedPath is this process's place in the hierarchy of version 2: the line "0::PATH". A path out of the namespace leads
// nowhere.
func unifiedPath(self string) (string, bool) {
	for line := range strings.Lines(self) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if ok && !strings.Contains(path, "..") {
			return path, true
		}
	}
	return "", false
}

// unifiedMount is where the whole hierarchy is mounted. proc(5) mountinfo: the fourth field is the mounted part, the fifth
// the place; the file system's type follows a dash.
func unifiedMount(info string) (string, bool) {
	for line := range strings.Lines(info) {
		left, right, ok := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if ok && len(fields) > 4 && fields[3] == "/" && strings.HasPrefix(right, "cgroup2 ") {
			return fields[4], true
		}
	}
	return "", false
}
