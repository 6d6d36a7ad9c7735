package agent

import (
	"time"

	"github.com/kanade-go/kanade/agent/internal/schedule"
)

// WithNow sets the host's clock.
func WithNow(now func() time.Time) Option {
	return func(o *options) error {
		o.now = now
		return nil
	}
}

// LocalSchedules is what the scheduler of a running agent says.
func LocalSchedules(a *Agent) (s schedule.Status) {
	if p := a.running(); p != nil {
		s = p.schedule.Status()
	}
	return s
}
