package exec

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const canMeasure = true

// wall makes the limits the job's own, and has the job tell of those who meet them. It comes before the first process.
// CPU time is measured alone: the job's own limit counts time in user mode only, and ends a job without saying why.
func (t *tree) wall() error {
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	basic := &info.BasicLimitInformation
	if t.limits.Memory > 0 {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		info.JobMemoryLimit = uintptr(min(t.limits.Memory, math.MaxInt))
	}
	if t.limits.Processes > 0 {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
		basic.ActiveProcessLimit = uint32(min(t.limits.Processes, math.MaxInt32))
	}
	if t.limits.LowPriority {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_PRIORITY_CLASS
		basic.PriorityClass = windows.IDLE_PRIORITY_CLASS
	}
	if basic.LimitFlags == 0 {
		return nil
	}
	if err := setJob(t.job, windows.JobObjectExtendedLimitInformation, &info); err != nil {
		return fmt.Errorf("limit job object: %w", err)
	}
	return t.listen()
}

func setJob[T any](job windows.Handle, class uint32, info *T) error {
	_, err := windows.SetInformationJobObject(job, class, uintptr(unsafe.Pointer(info)), uint32(unsafe.Sizeof(*info)))
	return err
}

// completionPort is JOBOBJECT_ASSOCIATE_COMPLETION_PORT.
type completionPort struct {
	_    uintptr // a key of the caller's
	port windows.Handle
}

func (t *tree) listen() error {
	port, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if err != nil {
		return fmt.Errorf("create completion port: %w", err)
	}
	t.events = port
	if err := setJob(t.job, windows.JobObjectAssociateCompletionPortInformation, &completionPort{port: port}); err != nil {
		return fmt.Errorf("listen to job object: %w", err)
	}
	return nil
}

// Messages of a job, of winnt.h.
const (
	msgActiveProcessLimit = 3
	msgJobMemoryLimit     = 10
)

// refused names a wall that the run has met since the last call. The wall for processes never lets their number exceed the
// limit, so a message tells what no measurement would.
func (t *tree) refused() Limit {
	var limit Limit
	for t.events != 0 {
		var message uint32
		var key uintptr
		var process *windows.Overlapped // the ID of a process, not a pointer
		if err := windows.GetQueuedCompletionStatus(t.events, &message, &key, &process, 0); err != nil {
			break // nothing more
		}
		switch message {
		case msgActiveProcessLimit:
			limit = LimitProcesses
		case msgJobMemoryLimit:
			limit = LimitMemory
		}
	}
	return limit
}

// jobAccounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION; times are in 100 ns.
type jobAccounting struct {
	userTime, kernelTime             int64
	periodUserTime, periodKernelTime int64
	pageFaults                       uint32
	processes                        uint32
	active                           uint32
	terminated                       uint32
}

const fileTimeUnit = 100 * time.Nanosecond

func (t *tree) usage() usage {
	u := usage{refused: t.refused()}
	var all jobAccounting
	size := uint32(unsafe.Sizeof(all))
	const class = windows.JobObjectBasicAccountingInformation
	if windows.QueryInformationJobObject(t.job, class, uintptr(unsafe.Pointer(&all)), size, nil) == nil {
		u.cpu = time.Duration(all.userTime+all.kernelTime) * fileTimeUnit
		u.processes = int(all.active)
	}
	var living time.Duration
	for _, id := range t.ids() {
		memory, cpu := ofProcess(id)
		u.memory += memory
		living += cpu
	}
	u.cpu = max(u.cpu, living)
	return u
}

// maxJobIDs is more processes than a script has any use for; of more, the memory is not counted.
const maxJobIDs = 4096

// jobIDs is JOBOBJECT_BASIC_PROCESS_ID_LIST.
type jobIDs struct {
	assigned, listed uint32
	ids              [maxJobIDs]uintptr
}

func (t *tree) ids() []uintptr {
	var list jobIDs
	const class = windows.JobObjectBasicProcessIdList
	// An error means that there are more; the first ones are in the list.
	_ = windows.QueryInformationJobObject(t.job, class, uintptr(unsafe.Pointer(&list)), uint32(unsafe.Sizeof(list)), nil)
	return list.ids[:min(list.listed, maxJobIDs)]
}

// memoryCounters is PROCESS_MEMORY_COUNTERS. Its pagefileUsage is what the process has committed, in memory or not.
type memoryCounters struct {
	size, pageFaults uint32
	_                [6]uintptr // working set and pools, with their peaks
	pagefileUsage    uintptr
	_                uintptr // its peak
}

var procGetProcessMemoryInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")

// ofProcess is what one process uses; nothing when it has gone.
func ofProcess(id uintptr) (memory int64, cpu time.Duration) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(id))
	if err != nil {
		return 0, 0
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	var born, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(handle, &born, &ended, &kernel, &user) == nil {
		cpu = duration(kernel) + duration(user)
	}
	var m memoryCounters
	m.size = uint32(unsafe.Sizeof(m))
	if ok, _, _ := procGetProcessMemoryInfo.Call(uintptr(handle), uintptr(unsafe.Pointer(&m)), uintptr(m.size)); ok != 0 {
		memory = int64(m.pagefileUsage)
	}
	return memory, cpu
}

func duration(t windows.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * fileTimeUnit
}

// Of NtSetInformationProcess: the class ProcessIoPriority, and IoPriorityLow, which children inherit.
const (
	processIoPriority = 33
	ioPriorityLow     = 1
)

func (t *tree) lowerIOPriority(process windows.Handle) {
	if !t.limits.LowPriority {
		return
	}
	priority := uint32(ioPriorityLow)
	err := windows.NtSetInformationProcess(process, processIoPriority, unsafe.Pointer(&priority), uint32(unsafe.Sizeof(priority)))
	if err != nil {
		t.logger.Warn("I/O priority of a script not lowered", "error", err)
	}
}
