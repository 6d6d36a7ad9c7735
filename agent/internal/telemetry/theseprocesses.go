package telemetry

import (
	"context"

	"github.com/shirou/gopsutil/v4/process"
)

// theseProcesses are the processes of the host that the agent runs on.
type theseProcesses struct{}

// List lists what can be measured: a process that ends meanwhile, or belongs to
// somebody who does not let us look, is left out.
func (theseProcesses) List(ctx context.Context) ([]Process, error) {
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Process, 0, len(pids))
	for _, pid := range pids {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if p, err := times(ctx, pid); err == nil {
			all = append(all, p)
		}
	}
	return all, nil
}

func (theseProcesses) Bytes(ctx context.Context, pid int32) (Bytes, error) {
	c, err := (&process.Process{Pid: pid}).IOCountersWithContext(ctx)
	if err != nil {
		return Bytes{}, err
	}
	return diskBytes(c), nil
}
