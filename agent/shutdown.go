package agent

import (
	"context"
	"time"
)

// lastFlush is how long the last results may take to be acknowledged at a stop.
// Those that are not stay on disk for the next start. Together with the grace
// of running commands (10 s by default), their end (6 s) and what closing
// takes, a stop stays below the 20 s that a service manager waits.
const lastFlush = 2 * time.Second

// stop ends the phases in the reverse order of their start: nothing new comes
// in, what came in is recorded, what runs gets its grace, results go out.
func (s *stages) stop(a *Agent, p *parts) {
	a.log.Info("agent stops: intake ends")
	s.intake.Stop()
	s.stopArriving()
	p.live.Stop()
	close(p.arrivals)
	s.admission.Stop()
	a.log.Debug("agent stops: commands end")
	s.work.Stop()
	a.log.Debug("agent stops: last results go out")
	s.delivery.Stop()
	flushBoxes(p)
	if err := p.close(); err != nil {
		a.log.Error("agent stopped, but not everything could be closed", "error", err)
		return
	}
	a.log.Info("agent stopped")
}

func flushBoxes(p *parts) {
	if connected, _ := p.transport.State(); !connected {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastFlush)
	defer cancel()
	for _, box := range p.boxes.all() {
		_, _ = box.Flush(ctx, p.js) // what stays is on disk, and was logged
	}
}
