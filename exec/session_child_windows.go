package exec

import (
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"runtime"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// userDesktop is the desktop that the user of a session sees.
const userDesktop = `winsta0\default`

// start creates the child, in the job and running: as this process's own account, or as the one that cmd.SysProcAttr brings.
func (t *tree) start(raw string) error {
	if attr := t.cmd.SysProcAttr; attr != nil && attr.Token != 0 {
		return t.startAs(windows.Token(attr.Token), raw)
	}
	return t.startOwn(raw)
}

// startAs does by hand what os/exec cannot: it has no place for a desktop.
func (t *tree) startAs(token windows.Token, raw string) error {
	child, err := createAs(token, t.cmd, raw)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(child.Thread) }()
	if err := t.adopt(child); err != nil {
		_ = windows.TerminateProcess(child.Process, killedExitCode) // still suspended: nothing of it has run
		if t.family == nil {
			_ = windows.CloseHandle(child.Process)
		}
		return errors.Join(err, t.closeFamily())
	}
	return nil
}

// adopt puts a suspended child where it can be ended with all its descendants, and lets it run.
func (t *tree) adopt(child *windows.ProcessInformation) error {
	err := windows.AssignProcessToJobObject(t.job, child.Process)
	switch {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED): // what a job answers that is bound to its own session
		t.family = &family{root: child.Process}
		err = t.limitsWithoutJob(child.Process)
	case err != nil:
		err = fmt.Errorf("assign process to job object: %w", err)
	}
	if err != nil {
		return err
	}
	t.lowerIOPriority(child.Process)
	process, err := os.FindProcess(int(child.ProcessId))
	if err != nil {
		return fmt.Errorf("open process: %w", err)
	}
	if _, err := windows.ResumeThread(child.Thread); err != nil {
		_ = process.Release()
		return fmt.Errorf("resume process: %w", err)
	}
	t.cmd.Process = process
	if t.family == nil {
		_ = windows.CloseHandle(child.Process)
	}
	return nil
}

// limitsWithoutJob does what a job would, as far as that goes.
func (t *tree) limitsWithoutJob(process windows.Handle) error {
	if t.limits.measured() {
		return fmt.Errorf("%w: the job object takes no process of the user's session", ErrLimitUnsupported)
	}
	if !t.limits.LowPriority {
		return nil
	}
	if err := windows.SetPriorityClass(process, windows.IDLE_PRIORITY_CLASS); err != nil { // which children inherit
		t.logger.Warn("priority of a script not lowered", "error", err)
	}
	return nil
}

func (t *tree) closeFamily() error {
	if t.family == nil {
		return nil
	}
	if err := t.family.close(); err != nil {
		return fmt.Errorf("close process: %w", err)
	}
	return nil
}

// createAs creates the process of cmd, suspended, with the token's account and session. The child gets three handles and no
// other of this process. The caller closes both handles of the answer.
// https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessasuserw
func createAs(token windows.Token, cmd *osexec.Cmd, raw string) (*windows.ProcessInformation, error) {
	w, err := wordsOf(cmd, raw)
	if err != nil {
		return nil, err
	}
	std, err := openStandard(cmd)
	if err != nil {
		return nil, err
	}
	defer std.close()
	attributes, err := windows.NewProcThreadAttributeList(1)
	if err != nil {
		return nil, fmt.Errorf("make attribute list: %w", err)
	}
	defer attributes.Delete()
	err = attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&std[0]), unsafe.Sizeof(std))
	if err != nil {
		return nil, fmt.Errorf("list handles to inherit: %w", err)
	}
	info := windows.StartupInfoEx{ProcThreadAttributeList: attributes.List()}
	info.Cb = uint32(unsafe.Sizeof(info))
	info.Desktop = w.desktop
	info.Flags = windows.STARTF_USESTDHANDLES
	info.StdInput, info.StdOutput, info.StdErr = std[0], std[1], std[2]
	const flags = windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW |
		windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT
	child := new(windows.ProcessInformation)
	err = windows.CreateProcessAsUser(token, w.program, w.line, nil, nil, true, flags, &w.env[0], w.dir, &info.StartupInfo, child)
	runtime.KeepAlive(std)
	if err != nil {
		return nil, createFailed(cmd, err)
	}
	return child, nil
}

// createFailed names what the system's answer is about.
func createFailed(cmd *osexec.Cmd, err error) error {
	switch {
	case errors.Is(err, windows.ERROR_DIRECTORY):
		return fmt.Errorf("working directory %s: not a directory that this process can enter: %w", cmd.Dir, err)
	case errors.Is(err, windows.ERROR_PRIVILEGE_NOT_HELD):
		return fmt.Errorf("create process: %w: run the agent as a service under that account (%w)", ErrNotSystem, err)
	}
	return fmt.Errorf("create process: %w", err)
}

// words are the texts of one call, as Windows wants them.
type words struct {
	program, line, desktop, dir *uint16
	env                         []uint16
}

func wordsOf(cmd *osexec.Cmd, raw string) (words, error) {
	if raw == "" {
		raw = windows.ComposeCommandLine(cmd.Args)
	}
	var w words
	var err error
	for _, f := range []struct {
		to   **uint16
		text string
	}{{&w.program, cmd.Path}, {&w.line, raw}, {&w.desktop, userDesktop}, {&w.dir, cmd.Dir}} {
		if f.text == "" {
			continue // the directory: this process's
		}
		if *f.to, err = windows.UTF16PtrFromString(f.text); err != nil {
			return w, fmt.Errorf("%w: NUL byte in %.80q", ErrInvalidSpec, f.text)
		}
	}
	w.env = envBlock(cmd.Env)
	return w, nil
}

// envBlock is each entry with an end mark, and one more; a block without entries has two. No entry holds a NUL: check
// refuses those of a caller, and in a block of the system it is the end mark.
func envBlock(env []string) []uint16 {
	var block []uint16
	for _, entry := range env {
		if entry != "" {
			block = append(append(block, utf16.Encode([]rune(entry))...), 0)
		}
	}
	if len(block) == 0 {
		block = append(block, 0)
	}
	return append(block, 0)
}

// standard are the inheritable handles of stdin, stdout and stderr.
type standard [3]windows.Handle

// openStandard copies the child's ends of the pipes, and opens the null device.
func openStandard(cmd *osexec.Cmd) (std *standard, err error) {
	std = new(standard)
	defer func() {
		if err != nil {
			std.close()
		}
	}()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return std, fmt.Errorf("open stdin: %w", err)
	}
	defer closeAll(null)
	for i, f := range []any{null, cmd.Stdout, cmd.Stderr} {
		if std[i], err = inheritable(f.(*os.File)); err != nil {
			return std, fmt.Errorf("copy handle: %w", err)
		}
	}
	return std, nil
}

func inheritable(f *os.File) (windows.Handle, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var handle windows.Handle
	controlErr := conn.Control(func(fd uintptr) {
		self := windows.CurrentProcess()
		err = windows.DuplicateHandle(self, windows.Handle(fd), self, &handle, 0, true, windows.DUPLICATE_SAME_ACCESS)
	})
	return handle, errors.Join(controlErr, err)
}

func (s *standard) close() {
	for _, h := range s {
		if h != 0 {
			_ = windows.CloseHandle(h)
		}
	}
}
