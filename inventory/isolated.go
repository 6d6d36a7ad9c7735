package inventory

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// What a child has, unless an [Isolated] says otherwise.
const (
	// DefaultChildTimeout leaves a child time to give up what hangs, and to say so.
	DefaultChildTimeout = DefaultTimeout + 10*time.Second
	// DefaultMaxMemory is a multiple of what 100,000 programs take.
	DefaultMaxMemory = 512 << 20
	// DefaultMaxResult holds about 100,000 programs.
	DefaultMaxResult = 32 << 20
)

// lateEnd is what a child has beyond its timeout before it is killed: it ends by
// itself first.
const lateEnd = 2 * time.Second

// Isolated collects in a short-lived child process, which is killed when it does
// not end: nothing that hangs, leaks or crashes in there harms the caller. A
// section that hangs is named in the result; the others are whole. When the child
// dies, what it had not told is collected again, each section in a child of its
// own, so that the one which kills is alone with its error.
type Isolated struct {
	// Timeout, MaxMemory and MaxResult bound one child; zero is the default.
	Timeout   time.Duration
	MaxMemory int64 // bytes of private memory
	MaxResult int64 // bytes of its output
	// Env are variables, NAME=value, that a child has beside the few that systems
	// need. It gets no others: they may hold secrets.
	Env []string

	argv     []string
	sections []string
	alive    chan struct{} // a token for each child that has not ended
	kill     func(*exec.Cmd)
	late     time.Duration
}

// maxChildren bounds the children that have not ended. There is one at a time, but
// for those that the system cannot kill, because they hang within it.
const maxChildren = 4

// NewIsolated makes a collector whose children run argv: a program that does
// nothing but call [Serve] with its standard output.
func NewIsolated(argv ...string) *Isolated {
	return &Isolated{
		Timeout: DefaultChildTimeout, MaxMemory: DefaultMaxMemory, MaxResult: DefaultMaxResult, argv: argv,
		alive: make(chan struct{}, maxChildren), kill: killTree, late: lateEnd,
	}
}

// Only returns a collector of these sections alone.
func (i Isolated) Only(sections ...string) *Isolated {
	i.sections = sections
	return &i
}

// Collect is that of [Collector]. Its error joins a [*SectionError] for each
// section that is missing or incomplete. While several children hang that the
// system cannot kill it fails with [ErrBusy].
func (i *Isolated) Collect(ctx context.Context) (facts.Host, error) {
	host := newHost()
	var errs []error
	var seen []string
	keep := func(f finding) {
		seen = append(seen, f.Name)
		errs = append(errs, f.into(&host))
	}
	err := i.child(ctx, i.sections, keep)
	if err == nil || ctx.Err() != nil {
		return host, errors.Join(append(errs, err)...)
	}
	for _, name := range i.expected() {
		if slices.Contains(seen, name) {
			continue
		}
		if err := i.child(ctx, []string{name}, keep); err != nil {
			keep(lost(name, err))
		}
	}
	return host, errors.Join(errs...)
}

func (i *Isolated) expected() []string {
	if len(i.sections) > 0 {
		return i.sections
	}
	return facts.Sections()
}

func lost(name string, err error) finding {
	return finding{Name: name, err: err, Problems: []facts.Problem{{Section: name, Text: err.Error()}}}
}

func (i *Isolated) timeout() time.Duration { return or(i.Timeout, DefaultChildTimeout) }

func or[T int64 | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}
