//go:build !linux

package exec

import "fmt"

// OwnCgroup is an error that matches ErrNoCgroup: cgroups are Linux's.
func OwnCgroup() (string, error) {
	return "", fmt.Errorf("exec: %w: only Linux has cgroups", ErrNoCgroup)
}

// cgroups makes none, and says so to a caller who wants some.
type cgroups struct{}

func newCgroups(dir string) *cgroups {
	if dir == "" {
		return nil
	}
	return &cgroups{}
}

func (c *cgroups) open(Limits) (*cgroup, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // a run without a cgroup
	}
	return nil, fmt.Errorf("%w: only Linux has cgroups", ErrNoCgroup)
}

type cgroup struct{}
