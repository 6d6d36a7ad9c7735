package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// primeFor is how long the very first sample watches before it says who is
	// busy.
	primeFor = time.Second
	// maxProcesses bounds a sample, whatever the settings say.
	maxProcesses = 1000
)

// processLoad sends the busiest processes.
type processLoad struct {
	s      *Service
	list   *probe[[]Process]
	look   *probe[[]seen]
	unsent streak
	cut    streak

	last *listing          // nil: none since activation
	top  map[int32]closeUp // the processes of the last sample
}

// listing is all processes at a time.
type listing struct {
	at    time.Time
	known map[int32]Process
}

// closeUp is one of the busiest processes.
type closeUp struct {
	Detail
	bytes reading[map[string]Bytes] // under one name; its value is nil if it is not known
}

func newProcessLoad(s *Service) *processLoad {
	return &processLoad{
		s: s, unsent: streak{log: s.cfg.Logger}, cut: streak{log: s.cfg.Logger},
		list: newProbe[[]Process](s.cfg.Logger, "the processes"), look: newProbe[[]seen](s.cfg.Logger, "the busiest processes"),
	}
}

func (l *processLoad) run(ctx context.Context) error {
	l.s.out.awaitFirst(ctx)
	return cadence{beat: l.s.cfg.Beat, interval: l.s.interval(hostPerfInterval), tick: l.tick}.run(ctx)
}

func (l *processLoad) tick(ctx context.Context, fresh bool) {
	at := time.Now()
	cfg, _ := l.s.cfg.Settings()
	if fresh || !cfg.ProcessPerfActive(at) || !l.s.out.connected() {
		l.last, l.top = nil, nil
	}
	if !cfg.ProcessPerfActive(at) || !l.s.out.connected() || !l.prime(ctx) {
		return
	}
	ranked, ok := l.rank(ctx)
	if !ok {
		return
	}
	busiest := ranked[:min(len(ranked), max(1, min(cfg.ProcessPerfTopN, maxProcesses)))]
	details, ok := l.look.get(ctx, func(ctx context.Context) ([]seen, error) { return closeUps(ctx, l.s.cfg.Processes, busiest) })
	if ok {
		p := wire.ProcessPerf{PCID: l.s.cfg.PCID, At: at.UTC(), Processes: l.describe(details.value)}
		note(&l.unsent, "the busiest processes were not sent", l.s.out.send(wire.ProcessPerfSubject(l.s.cfg.PCID), l.fit(p)))
	}
}

// prime takes the sample that the first one is compared with.
func (l *processLoad) prime(ctx context.Context) bool {
	if l.last != nil {
		return true
	}
	_, ok := l.rank(ctx)
	return ok && supervise.Sleep(ctx, primeFor)
}

// ranking is a process and what it has used since the last listing.
type ranking struct {
	Process
	percent float64
}

// rank lists the processes, the busiest first.
func (l *processLoad) rank(ctx context.Context) ([]ranking, bool) {
	is, ok := l.list.get(ctx, l.s.cfg.Processes.List)
	if !ok {
		return nil, false
	}
	ranked := make([]ranking, 0, len(is.value))
	now := listing{at: is.at, known: make(map[int32]Process, len(is.value))}
	for _, p := range is.value {
		now.known[p.PID] = p
		ranked = append(ranked, ranking{Process: p, percent: l.percent(p, is.at)})
	}
	slices.SortFunc(ranked, func(a, b ranking) int {
		return cmp.Or(cmp.Compare(b.percent, a.percent), cmp.Compare(a.PID, b.PID))
	})
	l.last = &now
	return ranked, true
}

// percent compares a process with itself; one that is new has used all of its
// time since the last listing.
func (l *processLoad) percent(p Process, at time.Time) float64 {
	if l.last == nil {
		return 0
	}
	used := p.CPU
	if was, ok := l.last.known[p.PID]; ok && was.Started == p.Started {
		used -= was.CPU
	}
	return corePercent(used, at.Sub(l.last.at))
}

// describe compares the busiest with what they were in the last sample.
func (l *processLoad) describe(busiest []seen) []wire.ProcessLoad {
	all := make([]wire.ProcessLoad, 0, len(busiest))
	top := make(map[int32]closeUp, len(busiest))
	for _, c := range busiest {
		load := wire.ProcessLoad{
			PID: uint32(c.PID), Name: c.Name, CPUPct: c.percent, RSSBytes: *clamped(c.RSSBytes),
		}
		if was, ok := l.top[c.PID]; ok && was.Started == c.Started && c.bytes.value != nil {
			load.DiskReadBytesPerSec, load.DiskWrittenBytesPerSec = rates(was.bytes, c.bytes)
		}
		top[c.PID] = c.closeUp
		all = append(all, load)
	}
	l.top = top
	return all
}

// seen is a process of the ranking, seen closely.
type seen struct {
	closeUp
	percent float64
}

// closeUps looks at the busiest closely. One that has ended meanwhile, or may not
// be looked at, is left out.
func closeUps(ctx context.Context, processes Processes, busiest []ranking) ([]seen, error) {
	all := make([]seen, 0, len(busiest))
	for _, p := range busiest {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d, err := processes.Look(ctx, p.PID)
		if err != nil || d.Started != p.Started {
			continue
		}
		c := closeUp{Detail: d}
		if b, err := processes.Bytes(ctx, p.PID); err == nil {
			c.bytes = reading[map[string]Bytes]{value: map[string]Bytes{"": b}, at: time.Now()}
		}
		all = append(all, seen{closeUp: c, percent: p.percent})
	}
	return all, nil
}

// fit leaves out the least busy of what the broker would refuse as too large.
func (l *processLoad) fit(p wire.ProcessPerf) []byte {
	limit, all := l.s.out.maxPayload(), len(p.Processes)
	data := p.Encode()
	for limit > 0 && len(data) > limit && len(p.Processes) > 0 {
		p.Processes = p.Processes[:len(p.Processes)*limit/(len(data)+1)]
		data = p.Encode()
	}
	var err error
	if n := len(p.Processes); n < all {
		err = fmt.Errorf("telemetry: %d of %d fit into the %d bytes that the broker takes", n, all, limit)
	}
	l.cut.note("not all of the busiest processes are sent", err)
	return data
}
