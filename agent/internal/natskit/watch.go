package natskit

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"
)

// lookEvery is how often the host is looked at: one timer and one read of the
// addresses, for which BenchmarkLook prints the cost. It is the timer of an idle agent
// that fires most.
const lookEvery = 10 * time.Second

// jump is how far apart the clocks may drift between two looks, or how late a
// look may come, before the host counts as having slept.
const jump = 2 * time.Second

// prover is a connection that can show that it is alive.
type prover interface {
	// Prove reports that the connection was up and did not answer.
	Prove(ctx context.Context) (dead bool)
}

// Watch notices that the host slept, that its clock was set or that its network
// changed, and makes the connection prove itself at once: until the next ping
// is missed three quarters of a minute would pass. However long the host was
// away, that is one look and one ping, and the next look is due a full interval
// after it. Other timers of an agent need no word of it: those that go by the
// host's clock look at it themselves, and the others skip what they have missed.
type Watch struct {
	Conn   prover
	Logger *slog.Logger
	// Until says how long it is to the next of the moments, so far apart, at which the
	// agent does what it does now and then. Nil: they count from now.
	Until func(every time.Duration) time.Duration

	clock     func() reading // for tests
	addresses func() string
}

// reading is the time by both clocks. During a sleep the monotonic one stands
// still on most systems; where it does not, the look comes late.
type reading struct {
	wall time.Time
	mono time.Duration
}

type look struct {
	at        reading
	addresses string
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	clock, addresses := w.clock, w.addresses
	if clock == nil {
		clock = systemClock()
	}
	if addresses == nil {
		addresses = systemAddresses
	}
	until := w.Until
	if until == nil {
		until = func(every time.Duration) time.Duration { return every }
	}
	see := func() look { return look{at: clock(), addresses: addresses()} }
	last := see()
	timer := time.NewTimer(until(lookEvery))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := see()
		if what := last.change(now); what != "" {
			w.react(ctx, what)
			now.at = clock() // the reaction may have taken its time
		}
		last = now
		timer.Reset(until(lookEvery))
	}
}

func (w *Watch) react(ctx context.Context, what string) {
	w.Logger.Info("the host changed; the connection has to prove itself", "change", what)
	if w.Conn.Prove(ctx) {
		w.Logger.Warn("the broker did not answer a ping", "waited", proveTimeout)
	}
}

// change names what differs between two looks; empty: nothing of interest.
func (l look) change(now look) string {
	wall, mono := now.at.wall.Sub(l.at.wall), now.at.mono-l.at.mono
	switch {
	case (wall - mono).Abs() > jump:
		return "the clock jumped by " + (wall - mono).Round(time.Second).String() + " (a sleep, or it was set)"
	case mono > lookEvery+jump:
		return "nothing ran for " + (mono - lookEvery).Round(time.Second).String()
	case l.addresses != now.addresses:
		return "network addresses"
	}
	return ""
}

func systemClock() func() reading {
	start := time.Now()
	return func() reading {
		now := time.Now()
		return reading{wall: now.Round(0), mono: now.Sub(start)}
	}
}

// systemAddresses lists the host's addresses but those that say nothing about
// its way to others: containers come and go with link-local ones. When they
// cannot be read the list is empty, which is a change like others.
func systemAddresses() string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	var list []string
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			list = append(list, ip.String())
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
