package telemetry

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// hostLoad sends the load of the host.
type hostLoad struct {
	s         *Service
	cpu       *probe[CPUTime]
	ram       *probe[Memory]
	swap      *probe[Memory]
	disks     *probe[map[string]Bytes]
	networks  *probe[map[string]Bytes]
	unsent    streak
	baselines baselines
}

// baselines are the last measurements, which the next are compared with.
type baselines struct {
	cpu             *CPUTime
	disks, networks reading[map[string]Bytes]
}

func newHostLoad(s *Service) *hostLoad {
	return &hostLoad{
		s: s, unsent: streak{log: s.cfg.Logger},
		cpu:      newProbe[CPUTime](s.cfg.Logger, "the host's CPU load"),
		ram:      newProbe[Memory](s.cfg.Logger, "the host's memory"),
		swap:     newProbe[Memory](s.cfg.Logger, "the host's swap space"),
		disks:    newProbe[map[string]Bytes](s.cfg.Logger, "the host's disk traffic"),
		networks: newProbe[map[string]Bytes](s.cfg.Logger, "the host's network traffic"),
	}
}

func (l *hostLoad) run(ctx context.Context) error {
	l.s.out.awaitFirst(ctx)
	return cadence{beat: l.s.cfg.Beat, interval: l.s.interval(hostPerfInterval), tick: l.tick}.run(ctx)
}

func (l *hostLoad) tick(ctx context.Context, fresh bool) {
	if fresh {
		l.baselines = baselines{}
	}
	p := wire.HostPerf{PCID: l.s.cfg.PCID, At: time.Now().UTC()}
	l.measure(ctx, &p)
	if ctx.Err() != nil {
		return
	}
	note(&l.unsent, "the host's load was not sent", l.s.out.send(wire.HostPerfSubject(l.s.cfg.PCID), p.Encode()))
}

// measure asks for everything at once: what hangs holds up nothing else.
func (l *hostLoad) measure(ctx context.Context, p *wire.HostPerf) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	host := l.s.cfg.Host
	cpu := l.cpu.start(ctx, host.CPU)
	ram, swap := l.ram.start(ctx, memory(host, RAM)), l.swap.start(ctx, memory(host, Swap))
	disks, networks := l.disks.start(ctx, traffic(host, Disks)), l.networks.start(ctx, traffic(host, Networks))
	if is, ok := l.cpu.await(ctx, cpu); ok {
		l.fillCPU(p, is.value)
	}
	if is, ok := l.ram.await(ctx, ram); ok {
		p.MemUsedBytes, p.MemTotalBytes = clamped(is.value.Used), clamped(is.value.Total)
	}
	if is, ok := l.swap.await(ctx, swap); ok {
		p.SwapUsedBytes, p.SwapTotalBytes = clamped(is.value.Used), clamped(is.value.Total)
	}
	if is, ok := l.disks.await(ctx, disks); ok {
		p.DiskReadBytesPerSec, p.DiskWrittenBytesPerSec = rates(l.baselines.disks, is)
		l.baselines.disks = is
	}
	if is, ok := l.networks.await(ctx, networks); ok {
		p.NetRxBytesPerSec, p.NetTxBytesPerSec = rates(l.baselines.networks, is)
		l.baselines.networks = is
	}
}

func memory(host Host, of Store) func(context.Context) (Memory, error) {
	return func(ctx context.Context) (Memory, error) { return host.Memory(ctx, of) }
}

func traffic(host Host, of Medium) func(context.Context) (map[string]Bytes, error) {
	return func(ctx context.Context) (map[string]Bytes, error) { return host.Traffic(ctx, of) }
}

func (l *hostLoad) fillCPU(p *wire.HostPerf, is CPUTime) {
	p.CPUCount = new(uint32(is.Cores))
	if was := l.baselines.cpu; was != nil {
		p.CPUPct = hostPercent(*was, is)
	}
	l.baselines.cpu = &is
}
