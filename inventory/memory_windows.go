package inventory

import (
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/windows"
)

// limitMemory makes the collector go easy on memory before the limit, and die of
// an allocation beyond it. The job object lives as long as the process, whose end
// closes its handle: then what the process started ends too.
func limitMemory(bytes int64) error {
	debug.SetMemoryLimit(bytes / 4 * 3)
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return err
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY | windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	info.ProcessMemoryLimit = uintptr(bytes)
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		return err
	}
	return windows.AssignProcessToJobObject(job, windows.CurrentProcess())
}
