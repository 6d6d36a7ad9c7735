package inventory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// DefaultTimeout is what one section has. The slowest sources of a healthy host
// (WMI after the boot, system_profiler) take some seconds.
const DefaultTimeout = 20 * time.Second

// Option changes how a [Local] collects.
type Option func(*options)

type options struct {
	sections []string // empty: all
	timeout  time.Duration
	timeouts map[string]time.Duration
	extra    map[string]probe
	refused  map[string]bool
	querier  Querier
	root     string // the file system that a Linux host is read from
}

func newOptions(opts []Option) options {
	o := options{timeout: DefaultTimeout, timeouts: map[string]time.Duration{}, extra: map[string]probe{}, refused: map[string]bool{}, root: "/"}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// WithSections collects these sections only; see [facts.Sections]. A name that no
// collector has is a [*SectionError].
func WithSections(names ...string) Option {
	return func(o *options) { o.sections = append(o.sections, names...) }
}

// WithTimeout is how long sections may take: those named, or else all that no
// other WithTimeout names. Zero and less count as [DefaultTimeout].
func WithTimeout(d time.Duration, sections ...string) Option {
	if d <= 0 {
		d = DefaultTimeout
	}
	return func(o *options) {
		if len(sections) == 0 {
			o.timeout = d
		}
		for _, name := range sections {
			o.timeouts[name] = d
		}
	}
}

// WithSection adds a section of your own to [facts.Host.Extra], collected like the
// others: beside them, with a deadline, and without harm to them if it fails,
// panics or hangs. What it returns must marshal to JSON. A name that is taken, by a
// section of this package or another WithSection, is refused: the first one is
// collected, beside an error that matches [ErrNameTaken].
func WithSection(name string, collect func(context.Context) (any, error)) Option {
	return func(o *options) {
		if o.extra[name] != nil || slices.Contains(facts.Sections(), name) {
			o.refused[name] = true
			return
		}
		o.extra[name] = func(ctx context.Context, _ *notes) (any, error) { return collect(ctx) }
	}
}

// refusing collects a section whose name somebody wanted a second time.
func refusing(p probe) probe {
	return func(ctx context.Context, n *notes) (any, error) {
		section, err := p(ctx, n)
		return section, errors.Join(err, ErrNameTaken)
	}
}

// Querier asks WMI: a *wmi.Client of github.com/StackExchange/wmi fits. dst is a
// pointer to a slice of structs.
type Querier interface {
	Query(query string, dst any, connectServerArgs ...any) error
}

// WithQuerier asks q in place of the WMI of this host. It has no effect where
// there is no WMI.
func WithQuerier(q Querier) Option {
	return func(o *options) { o.querier = q }
}

func (o options) timeoutOf(section string) time.Duration {
	if d, ok := o.timeouts[section]; ok {
		return d
	}
	return o.timeout
}

// wanted are the sections to collect, of those that have a probe.
func (o options) wanted(probes map[string]probe) []string {
	if len(o.sections) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(o.sections)))
	}
	return names(probes)
}

func names(probes map[string]probe) []string { return slices.Sorted(maps.Keys(probes)) }
