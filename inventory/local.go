package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// overrun is what a section has beyond its deadline to return what it found.
const overrun = time.Second

// Local collects in this process, its sections beside one another.
//
// A source that hangs (a WMI provider, a dead network file system) cannot be
// killed from within: its section is given up at its deadline, the goroutine
// stays, and as long as it does the section fails with [ErrBusy] at once. So at
// most one goroutine a section is ever left behind. [Isolated] leaves none.
type Local struct {
	opts   options
	probes map[string]probe

	mu         sync.Mutex
	collecting map[string]bool
}

// NewLocal makes a collector of this host. It looks at nothing yet.
func NewLocal(opts ...Option) *Local {
	o := newOptions(opts)
	probes := systemProbes(o)
	maps.Copy(probes, o.extra)
	for name := range o.refused {
		if p, ok := probes[name]; ok {
			probes[name] = refusing(p)
		}
	}
	return &Local{opts: o, probes: probes, collecting: make(map[string]bool)}
}

// Collect returns what it found, and a joined [*SectionError] for each section
// that is missing or incomplete. It returns a second after the longest timeout of
// its sections at the latest, or after the end of ctx.
func (l *Local) Collect(ctx context.Context) (facts.Host, error) {
	host := newHost()
	var errs []error
	for f := range l.each(ctx) {
		errs = append(errs, f.into(&host))
	}
	return host, errors.Join(errs...)
}

func newHost() facts.Host {
	name, _ := os.Hostname() // an empty one says that there is none
	return facts.Host{Hostname: name, Collected: time.Now().UTC().Truncate(time.Second)}
}

// each collects the sections beside one another and yields one after the other.
func (l *Local) each(ctx context.Context) iter.Seq[finding] {
	return func(yield func(finding) bool) {
		var running []*collection
		for _, name := range l.opts.wanted(l.probes) {
			running = append(running, l.start(ctx, name))
		}
		more := true
		for _, c := range running {
			if f := c.wait(); more {
				more = yield(f)
			}
		}
	}
}

// collection is one section on its way.
type collection struct {
	name   string
	notes  *notes
	ctx    context.Context // ends at the section's deadline; the caller's beside it
	cancel context.CancelFunc
	done   chan outcome
}

type outcome struct {
	section any
	err     error
}

func (l *Local) start(ctx context.Context, name string) *collection {
	c := &collection{name: name, notes: &notes{}, done: make(chan outcome, 1)}
	c.ctx, c.cancel = context.WithTimeout(ctx, l.opts.timeoutOf(name))
	p, ok := l.probes[name]
	switch {
	case !ok:
		c.done <- outcome{err: fmt.Errorf("this host has no such section; there are %v", names(l.probes))}
	case !l.claim(name):
		c.done <- outcome{err: ErrBusy}
	default:
		go func() {
			o := protected(c.ctx, p, c.notes)
			l.release(name) // before anybody hears of it, and comes again
			c.done <- o
		}()
	}
	return c
}

// wait gives a collection up a little after its end.
func (c *collection) wait() finding {
	defer c.cancel()
	o, ok := c.outcome()
	if !ok {
		o.err = fmt.Errorf("it hangs: %w", context.Cause(c.ctx))
	}
	return finding{Name: c.name, section: o.section, err: o.err, Problems: c.notes.problems(c.name, o.err)}
}

func (c *collection) outcome() (outcome, bool) {
	select {
	case o := <-c.done:
		return o, true
	case <-c.ctx.Done():
	}
	late := time.NewTimer(overrun)
	defer late.Stop()
	select {
	case o := <-c.done:
		return o, true
	case <-late.C:
		return outcome{}, false
	}
}

func protected(ctx context.Context, p probe, n *notes) (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			o = outcome{err: fmt.Errorf("%w: %v\n%s", ErrPanic, v, debug.Stack())}
		}
	}()
	section, err := p(ctx, n)
	return outcome{section, err}
}

func (l *Local) claim(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.collecting[name] {
		return false
	}
	l.collecting[name] = true
	return true
}

func (l *Local) release(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.collecting, name)
}
