package agent_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// apartEnv is set in the process that apart starts: whether it may mount.
const apartEnv = "KANADE_TEST_APART"

// apart runs the test once more in a process of its own, and is true in there.
// That process has mounts of its own, which vanish with it; where the kernel
// refuses them, in a container for example, the test makes do without.
func apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apartEnv) != "" {
		return true
	}
	out, err := runApart(t, "mounts", ownMounts())
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Logf("without mounts: %v", err)
		out, err = runApart(t, "no mounts", &syscall.SysProcAttr{})
	}
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+t.Name()+" ")
	return false
}

func runApart(t *testing.T, how string, attr *syscall.SysProcAttr) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), apartEnv+"="+how)
	cmd.SysProcAttr = attr
	return cmd.CombinedOutput()
}

func ownMounts() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Unshareflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

func mayMount() bool { return os.Getenv(apartEnv) == "mounts" }

// fault is a thing that can be broken and mended.
type fault struct{ begin, end func() }

// fullDisk is about the folder dir, which is empty: a small disk of its own, or
// a limit that lets no file of this process and its children grow.
func fullDisk(t *testing.T, dir string) fault {
	t.Helper()
	if mayMount() {
		require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"))
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
		filler := filepath.Join(dir, "filler")
		return fault{
			begin: func() { require.ErrorIs(t, os.WriteFile(filler, make([]byte, 2<<20), 0o600), syscall.ENOSPC) },
			end:   func() { require.NoError(t, os.Remove(filler)) },
		}
	}
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	none := syscall.Rlimit{Cur: 0, Max: before.Max}
	return fault{
		begin: func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &none)) },
		end:   func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) },
	}
}

// readOnly takes the folder dir from whoever writes there: it becomes read-only,
// or is not to be found for a while.
func readOnly(t *testing.T, dir string) fault {
	t.Helper()
	if mayMount() {
		return fault{
			begin: func() {
				require.NoError(t, syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
				require.NoError(t, syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
			},
			// The agent may have a file of it open at this moment.
			end: func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) },
		}
	}
	return fault{
		begin: func() { require.NoError(t, os.Rename(dir, dir+".away")) },
		end:   func() { require.NoError(t, os.Rename(dir+".away", dir)) },
	}
}

// A full disk stops commands from being accepted and results from being stored.
// Nothing is lost, and all goes on when there is room again.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	if !apart(t) {
		return
	}
	s := newSite(t)
	disk := fullDisk(t, s.cfg.StateDir)
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	s.send(s.counting("before", ""))
	s.settled(a, "before")
	s.send(s.gated("during"))
	s.running(a, 1)

	disk.begin()
	large := s.counting("refused", "")
	large.Script += "\n#" + strings.Repeat("x", 64<<10) // the last page of a file has room left
	s.send(large)
	s.eventually(func() bool { return a.Status().Commands.Unrecorded > 0 }, "the ledger takes a command")
	s.open()
	s.running(a, 0)
	require.Zero(t, s.runs("refused"))
	require.Zero(t, a.Status().Results.Pending)
	require.Empty(t, s.results("during"))

	disk.end()
	s.settled(a, "before", "during", "refused")
}

// An agent that would have to repair its ledger on a full disk starts all the
// same, and waits. Once there is room it takes commands and reports what was
// interrupted, by itself.
func TestAStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	if !apart(t) {
		return
	}
	s := newSite(t)
	s.cfg.Grace = 0
	disk := fullDisk(t, s.cfg.StateDir)
	first, stop := startAgent(t, s.cfg)
	ready(t, first)
	s.send(s.gated("r"))
	s.eventually(func() bool { return s.runs("r") == 1 }, "not running")
	disk.begin()
	stop() // its result cannot be stored
	disk.end()
	s.tearLedger()

	disk.begin()
	for range 2 { // people start the host of a full disk anew, and again
		again, stop := startAgent(t, s.cfg)
		ready(t, again)
		stop()
	}
	last, _ := startAgent(t, s.cfg)
	ready(t, last)
	s.send(s.counting("next", ""))
	s.eventually(func() bool { return last.Status().Commands.Unrecorded > 0 }, "the ledger takes a command")
	require.Empty(t, s.results("r"))
	require.Zero(t, s.runs("next"))

	disk.end()
	require.EqualValues(t, wire.ExitInterrupted, s.result("r").ExitCode)
	s.settled(last, "next")
	require.Len(t, s.results("r"), 1)
	require.Equal(t, 1, s.runs("r"))
}

// tearLedger leaves part of a line at the end, as a power cut or a full disk
// does. It ends with its page: the last page of a file has room left.
func (s *site) tearLedger() {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.cfg.StateDir, "ledger", "*.journal"))
	require.NoError(s.t, err)
	require.Len(s.t, files, 1)
	f, err := os.OpenFile(files[0], os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(s.t, err)
	info, err := f.Stat()
	require.NoError(s.t, err)
	page := os.Getpagesize()
	_, err = f.WriteString(strings.Repeat("x", page-int(info.Size())%page))
	require.NoError(s.t, errors.Join(err, f.Close()))
}

// What cannot be stored waits, and what was delivered and cannot be removed is
// not delivered again.
func TestAnOutboxThatBecomesReadOnly(t *testing.T) {
	t.Parallel()
	if !apart(t) {
		return
	}
	s := newSite(t)
	folder := readOnly(t, filepath.Join(s.cfg.StateDir, "outbox"))
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	s.send(s.gated("during"))
	s.running(a, 1)
	s.eventually(func() bool { return s.runs("during") == 1 }, "not running")

	folder.begin()
	s.open()
	s.running(a, 0)
	s.send(s.counting("later", ""))
	s.eventually(func() bool { return s.runs("later") == 1 }, "the ledger can be written, so commands run")
	require.Zero(t, a.Status().Results.Pending)

	folder.end()
	s.settled(a, "during", "later")
	require.Zero(t, a.Status().Results.Duplicates)
}

func TestAResultThatCannotBeRemoved(t *testing.T) {
	t.Parallel()
	if !apart(t) {
		return
	}
	s := newSite(t)
	folder := readOnly(t, filepath.Join(s.cfg.StateDir, "outbox"))
	a, _ := startAgent(t, s.cfg)
	ready(t, a)
	require.NoError(t, s.js.DeleteStream(t.Context(), wire.StreamResults))
	s.send(s.counting("r", ""))
	s.pending(a, 1)
	folder.begin()
	createStreams(t, s.nc)
	if mayMount() { // a file that is away cannot be read either
		s.result("r")
		s.eventually(func() bool { return a.Status().Results.Failed > 1 }, "no failure to remove it")
		require.Equal(t, 1, a.Status().Results.Pending)
	}
	folder.end()
	s.settled(a, "r")
	require.Zero(t, a.Status().Results.Duplicates)
}

// A state folder on a read-only disk is an error that names it.
func TestAStartOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	if !apart(t) {
		return
	}
	s := newSite(t)
	s.cfg.StateDir = filepath.Join(s.cfg.StateDir, "state")
	require.NoError(t, os.Mkdir(s.cfg.StateDir, 0o700))
	s.send(s.counting("r", ""))
	folder := readOnly(t, s.cfg.StateDir)
	if !mayMount() {
		folder = fullDisk(t, s.cfg.StateDir)
	}
	folder.begin()
	a, err := agent.New(s.cfg)
	require.NoError(t, err)
	require.ErrorContains(t, a.Run(t.Context()), s.cfg.StateDir)

	folder.end()
	a, _ = startAgent(t, s.cfg)
	s.settled(a, "r")
}
