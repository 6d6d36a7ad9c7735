package telemetry

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// beats sends heartbeats.
type beats struct {
	s      *Service
	own    *probe[Detail]
	bytes  *probe[Bytes]
	last   *reading[Detail]
	unsent streak
}

func newBeats(s *Service) *beats {
	return &beats{
		s: s, unsent: streak{log: s.cfg.Logger},
		own:   newProbe[Detail](s.cfg.Logger, "the agent's own load"),
		bytes: newProbe[Bytes](s.cfg.Logger, "the agent's own disk traffic"),
	}
}

func (b *beats) run(ctx context.Context) error {
	b.s.out.awaitFirst(ctx) // a new host is seen at once, not an interval later
	return cadence{beat: b.s.cfg.Beat, interval: b.s.interval(heartbeatInterval), tick: b.tick}.run(ctx)
}

func (b *beats) tick(ctx context.Context, _ bool) {
	h := b.s.identity()
	b.measure(ctx, &h)
	if ctx.Err() != nil {
		return
	}
	h.AgentArch = wire.AgentArch(runtime.GOARCH)
	h.CommandKeys, h.Enforcing = []string{}, new(false)
	b.s.cfg.Complete(&h)
	note(&b.unsent, "a heartbeat was not sent", b.s.out.send(wire.HeartbeatSubject(b.s.cfg.PCID), h.Encode()))
}

func (b *beats) measure(ctx context.Context, h *wire.Heartbeat) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	pid := int32(os.Getpid())
	own := b.own.start(ctx, func(ctx context.Context) (Detail, error) { return b.s.cfg.Processes.Look(ctx, pid) })
	bytes := b.bytes.start(ctx, func(ctx context.Context) (Bytes, error) { return b.s.cfg.Processes.Bytes(ctx, pid) })
	if is, ok := b.own.await(ctx, own); ok {
		if b.last != nil && is.at.Sub(b.last.at) >= minElapsed {
			h.AgentCPUPct = new(corePercent(is.value.CPU-b.last.value.CPU, is.at.Sub(b.last.at)))
		}
		h.AgentRSSBytes = clamped(is.value.RSSBytes)
		b.last = &is
	}
	if is, ok := b.bytes.await(ctx, bytes); ok {
		h.AgentDiskReadBytes, h.AgentDiskWrittenBytes = clamped(is.value.In), clamped(is.value.Out)
	}
}

// identity is the part of a heartbeat that a reply to a ping has.
func (s *Service) identity() wire.Heartbeat {
	return wire.Heartbeat{
		PCID: s.cfg.PCID, At: time.Now().UTC(), AgentVersion: s.cfg.Version, Hostname: hostname(),
		OSFamily: wire.OSFamily(runtime.GOOS), RemoteViewing: new(false),
	}
}

// hostname prefers the name that Windows shows everywhere. The one of the
// environment elsewhere, HOSTNAME, is rarely exported to services.
func hostname() string {
	if name := os.Getenv("COMPUTERNAME"); name != "" {
		return name
	}
	name, _ := os.Hostname()
	return name
}
