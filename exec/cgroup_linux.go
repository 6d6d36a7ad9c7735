package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const cgroupPrefix = "kanade-run-"

// How long the members of a killed cgroup may take to end, and how often that is looked at.
const (
	cgroupPatience = 2 * time.Second
	cgroupCheck    = 2 * time.Millisecond
)

// cgroups is where the cgroups of runs are made. A nil one makes none.
type cgroups struct {
	dir string

	mu   sync.Mutex
	left []string // with processes that a script left behind on purpose
}

func newCgroups(dir string) *cgroups {
	if dir == "" {
		return nil
	}
	return &cgroups{dir: dir}
}

// cgroup holds one run. All methods take a nil one for a run without.
type cgroup struct {
	of   *cgroups
	path string
	dir  *os.File
	dead bool
}

// open makes the cgroup of a run, with the limits as walls as far as the controllers are there.
func (c *cgroups) open(l Limits) (*cgroup, error) {
	if c == nil {
		return nil, nil //nolint:nilnil // a run without a cgroup
	}
	c.sweep()
	g := &cgroup{of: c, path: filepath.Join(c.dir, cgroupPrefix+randomHex())}
	if err := g.make(l); err != nil {
		_ = os.Remove(g.path)
		return nil, fmt.Errorf("%w: %w", ErrNoCgroup, err)
	}
	return g, nil
}

func (g *cgroup) make(l Limits) error {
	if err := canClone3(); err != nil {
		return err
	}
	if err := os.Mkdir(g.path, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(g.file("cgroup.kill")); err != nil {
		return fmt.Errorf("not a cgroup of Linux 5.14 or later: %w", err)
	}
	if err := g.wall(l); err != nil {
		return err
	}
	dir, err := os.Open(g.path)
	g.dir = dir
	return err
}

func (g *cgroup) file(name string) string { return filepath.Join(g.path, name) }

// join has the child begin its life in the cgroup.
func (g *cgroup) join(attr *syscall.SysProcAttr) {
	if g != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(g.dir.Fd())
	}
}

// kill ends every process in the cgroup, those that are being born included.
func (g *cgroup) kill() {
	if g != nil {
		g.dead = os.WriteFile(g.file("cgroup.kill"), []byte("1"), 0) == nil
	}
}

// close removes the cgroup. One that still has members stays until they have ended.
func (g *cgroup) close() {
	if g == nil {
		return
	}
	closeAll(g.dir)
	if !g.removed() {
		g.of.leave(g.path)
	}
}

func (g *cgroup) removed() bool {
	for begin := time.Now(); ; time.Sleep(cgroupCheck) {
		if removeCgroup(g.path) == nil {
			return true
		}
		if !g.dead || time.Since(begin) > cgroupPatience {
			return false
		}
	}
}

func (c *cgroups) leave(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = append(c.left, path)
}

// sweep removes what has become empty since.
func (c *cgroups) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.left[:0]
	for _, path := range c.left {
		if err := removeCgroup(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			left = append(left, path)
		}
	}
	c.left = left
}

// cpu is the processor time of all that ever was in the cgroup.
func (g *cgroup) cpu() (time.Duration, bool) {
	if g == nil {
		return 0, false
	}
	spent, ok := keyed(g.file("cpu.stat"), "usage_usec")
	return time.Duration(spent) * time.Microsecond, ok
}

// keyed reads a value from a file of lines "key value".
func keyed(file, key string) (int64, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == key {
			n, err := strconv.ParseInt(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
