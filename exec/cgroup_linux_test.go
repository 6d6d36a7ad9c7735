package exec

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// withOwnCgroup gives the test a cgroup if this host has one to give. A host without says so, and that is tested instead.
func withOwnCgroup(t *testing.T) (dir string, ok bool) {
	t.Helper()
	own, err := OwnCgroup()
	if err != nil {
		t.Logf("runs have no cgroups here: %v", err)
		require.ErrorIs(t, err, ErrNoCgroup)
		_, err = NewLocal(WithCgroup(t.TempDir())).Run(t.Context(), native("exit 0"))
		require.ErrorIs(t, err, ErrNoCgroup)
		return "", false
	}
	dir = filepath.Join(own, "kanade-test-"+randomHex())
	require.NoError(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.Remove(dir) == nil }, patience, 5*time.Millisecond, "something is left in %s", dir)
	})
	return dir, true
}

func TestCgroupHoldsWhoLeavesTheSession(t *testing.T) {
	t.Parallel()
	dir, ok := withOwnCgroup(t)
	if !ok {
		return
	}
	b := newBoard(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := native("setsid " + helperCommand("parent", b.address(), "daemon", "stubborn", "child") + " &\nsleep 1000\n")
	running := start(ctx, t, s, WithCgroup(dir), WithKillGrace(50*time.Millisecond), WithDrainGrace(patience))
	peers := b.await("daemon", "child")
	cancel()
	out := running.outcome()
	require.Equal(t, EndCanceled, out.End)
	require.False(t, out.Incomplete)
	for _, p := range peers {
		p.requireGone()
	}
	require.Empty(t, runCgroups(t, dir))
}

func TestCgroupBomb(t *testing.T) {
	t.Parallel()
	dir, ok := withOwnCgroup(t)
	if !ok {
		return
	}
	s := native("bomb() {\n[ $1 -eq 0 ] && exec sleep 1000\nsetsid sh -c \"$BOMB\" sh $(($1-1)) &\nsetsid sh -c \"$BOMB\" sh $(($1-1)) &\nwait\n}\nbomb 6\n")
	s.Env = append(os.Environ(), `BOMB=[ $1 -eq 0 ] && exec sleep 1000; setsid sh -c "$BOMB" sh $(($1-1)) & setsid sh -c "$BOMB" sh $(($1-1)) & wait`)
	for timeout := time.Millisecond; timeout < 2*time.Second; timeout *= 6 {
		s.Timeout = timeout
		out := run(t, s, WithCgroup(dir), WithKillGrace(0), WithDrainGrace(patience))
		require.Equal(t, EndTimeout, out.End)
		require.False(t, out.Incomplete)
	}
	require.Empty(t, runCgroups(t, dir))
}

// A clean end leaves background processes alone; their cgroup goes when they have gone.
func TestCgroupOfABackgroundProcess(t *testing.T) {
	t.Parallel()
	dir, ok := withOwnCgroup(t)
	if !ok {
		return
	}
	b := newBoard(t)
	local := NewLocal(WithCgroup(dir), WithDrainGrace(patience))
	out, err := local.Run(t.Context(), native(helperScript("leave-quiet", b.address(), "left")))
	require.NoError(t, err)
	require.Zero(t, out.Code)
	left := b.await("left")[0]
	left.requireAlive()
	require.Len(t, runCgroups(t, dir), 1)
	left.dismiss()
	require.Eventually(t, func() bool {
		_, err := local.Run(t.Context(), native("exit 0"))
		return err == nil && len(runCgroups(t, dir)) == 0
	}, patience, 5*time.Millisecond)
}

// In a cgroup everything is counted, whatever session it is in and whoever waited for it.
func TestLimitsInACgroup(t *testing.T) {
	t.Parallel()
	dir, ok := withOwnCgroup(t)
	if !ok {
		return
	}
	s := native("for i in 1 2 3 4 5 6 7 8; do setsid sleep 1000 & done\nwait\n")
	s.Limits.Processes = 5
	require.Equal(t, LimitProcesses, run(t, s, WithCgroup(dir), WithDrainGrace(patience)).Limit)
	s = native("setsid " + helperScript("burn", "3600000"))
	s.Limits = Limits{CPU: 300 * time.Millisecond}
	require.Equal(t, LimitCPU, run(t, s, WithCgroup(dir), WithDrainGrace(patience)).Limit)
	require.Empty(t, runCgroups(t, dir))
}

// A script that makes cgroups of its own below the run's is measured and ended with all that is in them.
func TestCgroupsOfTheScript(t *testing.T) {
	t.Parallel()
	dir, ok := withOwnCgroup(t)
	if !ok {
		return
	}
	s := native("own=$DIR/$(sed -n 's,^0::.*/,,p' /proc/self/cgroup)\nmkdir -p $own/a/b || exit\n" +
		"for i in 1 2 3 4 5 6 7 8; do (sh -c 'echo $PPID' >$own/a/b/cgroup.procs; exec sleep 1000) & done\nwait\n")
	s.Env = append(os.Environ(), "DIR="+dir)
	s.Limits.Processes, s.Timeout = 5, patience
	out := run(t, s, WithCgroup(dir), WithDrainGrace(patience))
	require.Equal(t, LimitProcesses, out.Limit, "%s", out.Stderr)
	require.False(t, out.Incomplete)
	require.Empty(t, runCgroups(t, dir))
}

// What a script left behind on purpose keeps its cgroups.
func TestCgroupsOfABackgroundProcess(t *testing.T) {
	t.Parallel()
	dir, ok := withOwnCgroup(t)
	if !ok {
		return
	}
	b := newBoard(t)
	local := NewLocal(WithCgroup(dir), WithDrainGrace(patience))
	s := native("own=$DIR/$(sed -n 's,^0::.*/,,p' /proc/self/cgroup)\nmkdir -p $own/a/b || exit\n" + helperScript("leave-quiet", b.address(), "left"))
	s.Env = append(os.Environ(), "DIR="+dir)
	out, err := local.Run(t.Context(), s)
	require.NoError(t, err)
	require.Zero(t, out.Code, "%s", out.Stderr)
	left := b.await("left")[0]
	require.Len(t, runCgroups(t, dir), 1)
	require.DirExists(t, filepath.Join(runCgroups(t, dir)[0], "a", "b"))
	left.dismiss()
	require.Eventually(t, func() bool {
		_, err := local.Run(t.Context(), native("exit 0"))
		return err == nil && len(runCgroups(t, dir)) == 0
	}, patience, 5*time.Millisecond)
}

// A filter of system calls as systemd's RestrictNamespaces= sets it. It is this thread's alone, and ends with it.
func TestCgroupWithoutClone3(t *testing.T) {
	t.Parallel()
	require.NoError(t, canClone3())
	errs := make(chan error)
	go func() {
		runtime.LockOSThread()
		errs <- forbid(unix.SYS_CLONE3)
		errs <- canClone3()
		_, err := OwnCgroup()
		errs <- err
	}()
	require.NoError(t, <-errs)
	require.ErrorIs(t, <-errs, unix.ENOSYS)
	require.ErrorIs(t, <-errs, ErrNoCgroup)
}

// forbid has a system call answer ENOSYS in this thread: seccomp(2).
func forbid(call uint32) error {
	const allow, refuse = 0x7fff0000, 0x00050000 | uint32(unix.ENOSYS)
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: refuse},
		{Code: unix.BPF_RET | unix.BPF_K, K: allow},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

func runCgroups(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, cgroupPrefix+"*"))
	require.NoError(t, err)
	return found
}

func TestCgroupRefused(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "gone")} {
		_, err := NewLocal(WithCgroup(dir)).Run(t.Context(), native("exit 0"))
		require.ErrorIs(t, err, ErrNoCgroup)
	}
}

// What the kernel's files say. The walls themselves want the controllers for memory and processes.
func TestCgroupWalls(t *testing.T) {
	t.Parallel()
	g := &cgroup{path: t.TempDir()}
	put := func(name, text string) { require.NoError(t, os.WriteFile(g.file(name), []byte(text), 0o600)) }
	require.NoError(t, g.wall(Limits{Memory: 5, Processes: 6}))
	require.NoFileExists(t, g.file("memory.max"))
	require.Empty(t, g.refused())
	put("memory.max", "max\n")
	put("pids.max", "max\n")
	require.NoError(t, g.wall(Limits{Memory: 5}))
	for name, want := range map[string]string{"memory.max": "5", "pids.max": "max\n"} {
		data, err := os.ReadFile(g.file(name))
		require.NoError(t, err)
		require.Equal(t, want, string(data))
	}
	put("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n")
	put("pids.events", "max 0\n")
	require.Empty(t, g.refused())
	put("pids.events", "max 1\n")
	require.Equal(t, LimitProcesses, g.refused())
	put("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n")
	require.Equal(t, LimitMemory, g.refused())
	put("cpu.stat", "usage_usec 1500000\nuser_usec 1\n")
	spent, ok := g.cpu()
	require.True(t, ok)
	require.Equal(t, 1500*time.Millisecond, spent)
}

func TestUnifiedPlace(t *testing.T) {
	t.Parallel()
	paths := map[string]string{
		"0::/system.slice/x.service\n": "/system.slice/x.service",
		"4:memory:/a\n0::/\n":          "/",
		"0::/../..\n":                  "",
		"4:memory:/a\n":                "",
		"":                             "",
	}
	for in, want := range paths {
		got, ok := unifiedPath(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want != "", ok)
	}
	mounts := map[string]string{
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n":              "/sys/fs/cgroup",
		"30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n":                         "/sys/fs/cgroup/unified",
		"30 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n":                         "",
		"30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\nnonsense\n1 2 - x": "",
	}
	for in, want := range mounts {
		got, ok := unifiedMount(in)
		require.Equal(t, want, got, in)
		require.Equal(t, want != "", ok)
	}
}
