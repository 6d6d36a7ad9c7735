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

// WithSettleIn is how long a start waits for what the broker says of schedules.
func WithSettleIn(d time.Duration) Option {
	return func(o *options) error {
		o.settleIn = d
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
