package exec

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// family ends a process and its descendants where no job object can: the documentation wants all processes of a job to be
// in the job's session. A descendant whose parent ended before is not found.
type family struct{ root windows.Handle }

// familyRounds is how often the host is looked at for processes that were born during the round before.
const familyRounds = 8

// kill keeps a handle of each process until the end: meanwhile its ID goes to no other.
func (f *family) kill() {
	root, err := identityOf(f.root)
	_ = windows.TerminateProcess(f.root, killedExitCode) // first: it has no more children from now on
	if err != nil {
		return
	}
	known := map[uint32]process{root.id: root}
	var handles []windows.Handle
	defer func() {
		for _, h := range handles {
			_ = windows.CloseHandle(h)
		}
	}()
	for range familyRounds {
		all, opened := snapshot(known)
		handles = append(handles, opened...)
		found := offspring(all, known)
		for _, p := range found {
			terminate(p)
		}
		if len(found) == 0 {
			return
		}
	}
}

// snapshot returns the host's processes, those alone that may be opened and that may descend from a known one, with
// their handles.
// https://learn.microsoft.com/windows/win32/api/tlhelp32/nf-tlhelp32-createtoolhelp32snapshot
func snapshot(known map[uint32]process) ([]process, []windows.Handle) {
	list, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, nil
	}
	defer func() { _ = windows.CloseHandle(list) }()
	var all []process
	var handles []windows.Handle
	entry := windows.ProcessEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Process32First(list, &entry); err == nil; err = windows.Process32Next(list, &entry) {
		if _, ok := known[entry.ProcessID]; ok {
			continue
		}
		handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, entry.ProcessID)
		if err != nil {
			continue // ended meanwhile, or the system's own
		}
		handles = append(handles, handle)
		if p, err := identityOf(handle); err == nil {
			p.parent = entry.ParentProcessID
			all = append(all, p)
		}
	}
	return all, handles
}

// identityOf leaves the parent open.
func identityOf(handle windows.Handle) (process, error) {
	id, err := windows.GetProcessId(handle)
	if err != nil {
		return process{}, err
	}
	var born, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(handle, &born, &ended, &kernel, &user); err != nil {
		return process{}, err
	}
	return process{id: id, born: int64(born.HighDateTime)<<32 | int64(born.LowDateTime)}, nil
}

// terminate ends a process of which somebody holds a handle.
func terminate(p process) {
	handle, err := windows.OpenProcess(windows.PROCESS_TERMINATE, false, p.id)
	if err != nil {
		return
	}
	_ = windows.TerminateProcess(handle, killedExitCode)
	_ = windows.CloseHandle(handle)
}

func (f *family) close() error { return windows.CloseHandle(f.root) }
