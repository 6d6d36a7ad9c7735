package exec

import (
	"fmt"
	"time"
)

// Limits bound what the processes of a run use together. A run that goes beyond one is killed, at once and whole: End is
// [EndLimit], and [Outcome.Limit] names the limit. 0 is no limit; a negative value is ErrInvalidSpec.
//
// On Windows the job object is a wall as well: memory is refused above the limit, and so is a process. Elsewhere use is
// measured four times a second, so that a run can exceed a limit in between. A host that cannot measure a limit returns
// ErrLimitUnsupported.
type Limits struct {
	// CPU is processor time, of all processors and processes together.
	CPU time.Duration

	// Memory is in bytes: private memory that is resident (Linux) or committed (Windows).
	Memory int64

	// Processes is how many may exist at a time, the shell included.
	Processes int

	// LowPriority has the run wait for everything else: nice 19, for its session too, and idle I/O on Linux, nice 19 on other
	// Unix systems, idle priority and low I/O priority on Windows.
	LowPriority bool
}

// Limit names one of the Limits.
type Limit string

// The limits.
const (
	LimitCPU       Limit = "cpu"
	LimitMemory    Limit = "memory"
	LimitProcesses Limit = "processes"
)

// measured reports whether there is something to watch.
func (l Limits) measured() bool { return l.CPU != 0 || l.Memory != 0 || l.Processes != 0 }

// Validate reports a negative limit, which matches ErrInvalidSpec, or that this host cannot measure what is limited:
// ErrLimitUnsupported. Run checks the same.
func (l Limits) Validate() error {
	if err := l.check(); err != nil {
		return fmt.Errorf("exec: limits: %w", err)
	}
	return nil
}

func (l Limits) check() error {
	switch {
	case l.CPU < 0:
		return fmt.Errorf("%w: negative CPU limit %s", ErrInvalidSpec, l.CPU)
	case l.Memory < 0:
		return fmt.Errorf("%w: negative memory limit %d", ErrInvalidSpec, l.Memory)
	case l.Processes < 0:
		return fmt.Errorf("%w: negative process limit %d", ErrInvalidSpec, l.Processes)
	case l.measured() && !canMeasure:
		return ErrLimitUnsupported
	}
	return nil
}

// usage is what the processes of a run use at one moment.
type usage struct {
	cpu       time.Duration // with that of processes that have ended, as far as it is known
	memory    int64
	processes int
	refused   Limit // a wall that the run has met
}

// exceeded names the limit that u is beyond, if any.
func (l Limits) exceeded(u usage) Limit {
	switch {
	case u.refused != "":
		return u.refused
	case l.CPU > 0 && u.cpu > l.CPU:
		return LimitCPU
	case l.Memory > 0 && u.memory > l.Memory:
		return LimitMemory
	case l.Processes > 0 && u.processes > l.Processes:
		return LimitProcesses
	}
	return ""
}

// measureEvery is short beside what a person calls a limit, and long beside the cost of a look (a read of each process).
const measureEvery = 250 * time.Millisecond

// guard kills the tree when it exceeds a limit.
func (k *killer) guard(l Limits) {
	if !l.measured() {
		return
	}
	k.callbacks.Go(func() {
		tick := time.NewTicker(measureEvery)
		defer tick.Stop()
		for {
			select {
			case <-k.exited:
				return
			case <-tick.C:
			}
			if limit := l.exceeded(k.tree.usage()); limit != "" {
				k.endFor(limit)
				return
			}
		}
	})
}

// endFor kills at once: what eats a host gets no grace.
func (k *killer) endFor(limit Limit) {
	if k.decided.CompareAndSwap(false, true) {
		k.end, k.limit = EndLimit, limit
		k.tree.kill(k.exited, 0)
	}
}
