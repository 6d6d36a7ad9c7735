package agent

import (
	"context"
	"sync"
	"time"
)

// lastFlush is how long the last results may take to be acknowledged at a stop.
// Those that are not stay on disk for the next start. Together with the grace
// of running commands (10 s by default) and their end (7.5 s at the most) a stop
// stays below the 20 s that a service manager waits.
const lastFlush = 2 * time.Second

// lastArrivals is how long the live messages that the broker has sent already
// may take to be admitted. It is enough for full subscriptions on a disk that
// works, and for one that fails or a broker that does not answer it runs beside
// the grace.
const lastArrivals = 2 * time.Second

// lastCalls is how long the end of calls into a connection that was brought along
// is waited for. Where its lock is held by a blocked write, nothing of ours ends it.
const lastCalls = time.Second

// stop ends the phases: what was received is recorded for the next start while
// what runs has its grace, then the last results go out.
func (s *stages) stop(a *Agent, p *parts) {
	a.log.Info("agent stops: intake and commands end")
	var work sync.WaitGroup
	work.Go(s.work.Stop)
	work.Go(s.answers.Stop)
	if p.pings != nil {
		work.Go(p.pings.Stop)
	}
	s.intake.Stop()
	s.endArrivals(p)
	s.admission.Stop()
	work.Wait()
	p.schedule.Close()
	p.breakOffDial()
	s.settings.Stop()
	a.log.Debug("agent stops: last results go out")
	s.delivery.Stop()
	flushBoxes(p)
	if err := p.close(); err != nil {
		a.log.Error("agent stopped, but not everything could be closed", "error", err)
		return
	}
	a.leaveBehind(p)
	a.log.Info("agent stopped")
}

// leaveBehind waits a moment for calls into a connection that was brought along.
// They end with the write that holds them up, which only its owner can end sooner.
func (a *Agent) leaveBehind(p *parts) {
	if p.borrowed == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastCalls)
	defer cancel()
	if n := p.borrowed.Wait(ctx); n > 0 {
		a.log.Warn("calls into the connection that was brought along are still blocked; they end when the write to the broker does (nats.FlusherTimeout), or when the connection is closed",
			"calls", n)
	}
}

// breakOffDial ends an attempt to connect. It holds the client's lock for up to
// 5 s, and everything that ends after this call wants the lock.
func (p *parts) breakOffDial() {
	if connected, _ := p.transport.State(); !connected && p.own != nil {
		p.own.Close()
	}
}

// endArrivals lets in what the broker has sent before it knew of the end. Of the
// live messages there may be no other copy.
func (s *stages) endArrivals(p *parts) {
	ctx, cancel := context.WithTimeout(context.Background(), lastArrivals)
	defer cancel()
	defer context.AfterFunc(ctx, s.stopArriving)()
	p.live.Drain(ctx)
	s.stopArriving()
	close(p.arrivals)
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
