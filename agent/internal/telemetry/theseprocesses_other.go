//go:build !linux

package telemetry

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

func times(ctx context.Context, pid int32) (Process, error) {
	if pid == 0 { // not a process: what the cores do when there is nothing to do
		return Process{}, errors.New("telemetry: not a process")
	}
	p := process.Process{Pid: pid}
	used, err := p.TimesWithContext(ctx)
	if err != nil {
		return Process{}, err
	}
	started, err := p.CreateTimeWithContext(ctx)
	if err != nil {
		return Process{}, err
	}
	return Process{PID: pid, Started: uint64(started), CPU: time.Duration((used.User + used.System) * float64(time.Second))}, nil
}

func (theseProcesses) Look(ctx context.Context, pid int32) (Detail, error) {
	p := process.Process{Pid: pid}
	is, err := times(ctx, pid)
	if err != nil {
		return Detail{}, err
	}
	name, err := p.NameWithContext(ctx)
	if err != nil {
		return Detail{}, err
	}
	memory, err := p.MemoryInfoWithContext(ctx)
	if err != nil {
		return Detail{}, err
	}
	return Detail{Process: is, Name: name, RSSBytes: memory.RSS}, nil
}

// diskBytes takes what went through disks where the system can tell, and else, on
// Windows, all input and output.
func diskBytes(c *process.IOCountersStat) Bytes {
	if runtime.GOOS == "windows" {
		return Bytes{In: c.ReadBytes, Out: c.WriteBytes}
	}
	return Bytes{In: c.DiskReadBytes, Out: c.DiskWriteBytes}
}
