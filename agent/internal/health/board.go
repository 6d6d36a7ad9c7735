package health

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/kanade-go/kanade/retry"
)

// MaxResources is how many resources a board holds.
const MaxResources = 64

// Resource is one thing that the agent needs, such as "stream EXEC". Zero times
// mean never.
type Resource struct {
	Name string
	// Waiting is since when it is waited for; the zero time: it is not.
	Waiting time.Time
	// Attempts that failed since then.
	Attempts int
	// Error is the last one, even if the resource is fine again, Failed its time,
	// and Reason its kind.
	Error  string
	Reason Reason
	Failed time.Time
	// Fine is since when it is fine; the zero time: it is not.
	Fine time.Time
}

// Board is a register of resources. All methods may be called at any time, from
// any goroutine, and none blocks.
type Board struct {
	now func() time.Time

	mu        sync.Mutex
	resources map[string]*Resource
	missed    uint64
	changed   chan struct{}
}

// NewBoard returns an empty board; now is its clock.
func NewBoard(now func() time.Time) *Board {
	return &Board{now: now, resources: make(map[string]*Resource), changed: make(chan struct{})}
}

// Option reports the attempts of a wait of package retry to the board.
func (b *Board) Option() retry.Option { return retry.WithOnAttempt(b.Attempted) }

// Attempted is told of one attempt; retry reports the one that succeeds too, with
// a nil error.
func (b *Board) Attempted(a retry.Attempt) {
	if a.Err == nil {
		b.Fine(a.What)
		return
	}
	b.Problem(a.What, a.Err)
}

// Problem says that a resource failed.
func (b *Board) Problem(name string, err error) {
	text, reason := Line(err.Error(), MaxError), ReasonOf(err)
	b.change(name, func(r *Resource, now time.Time) {
		if r.Waiting.IsZero() {
			r.Waiting, r.Fine, r.Attempts = now, time.Time{}, 0
		}
		r.Attempts++
		r.Error, r.Reason, r.Failed = text, reason, now
	})
}

// Note keeps an error of something that nobody waits for, such as a permission
// that the agent can do without. It does not change whether the resource is fine.
func (b *Board) Note(name string, err error) {
	text, reason := Line(err.Error(), MaxError), ReasonOf(err)
	b.change(name, func(r *Resource, now time.Time) { r.Error, r.Reason, r.Failed = text, reason, now })
}

// Fine says that a resource is there and works.
func (b *Board) Fine(name string) {
	b.change(name, func(r *Resource, now time.Time) {
		if r.Fine.IsZero() {
			r.Waiting, r.Fine, r.Attempts = time.Time{}, now, 0
		}
	})
}

// Forget takes out what is not needed any more.
func (b *Board) Forget(name string) {
	name = Line(name, MaxName)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.resources[name] != nil {
		delete(b.resources, name)
		b.tell()
	}
}

// Resources lists everything: what is waited for first, the longest wait before
// the others, then the rest by name.
func (b *Board) Resources() []Resource {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Resource, 0, len(b.resources))
	for _, r := range b.resources {
		all = append(all, *r)
	}
	slices.SortFunc(all, func(x, y Resource) int {
		if waits := !x.Waiting.IsZero(); waits == y.Waiting.IsZero() {
			if waits {
				return -1
			}
			return 1
		}
		return cmp.Or(x.Waiting.Compare(y.Waiting), cmp.Compare(x.Name, y.Name))
	})
	return all
}

// Missed is how many reports found the board full of resources that are waited
// for.
func (b *Board) Missed() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.missed
}

// Changed is closed at the next change of what is waited for. Further failures of
// the same kind are none: a bucket that is missing for a week is one change.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

func (b *Board) change(name string, do func(*Resource, time.Time)) {
	name = Line(name, MaxName)
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.resources[name]
	if r == nil {
		if r = b.add(name); r == nil {
			b.missed++
			return
		}
	}
	before := *r
	do(r, b.now())
	if r.Waiting != before.Waiting || r.Fine != before.Fine || r.Error != before.Error {
		b.tell()
	}
}

// add makes room if need be, and returns nil if there is none.
func (b *Board) add(name string) *Resource {
	if len(b.resources) >= MaxResources {
		var oldest *Resource
		for _, r := range b.resources {
			if r.Waiting.IsZero() && (oldest == nil || r.last().Before(oldest.last())) {
				oldest = r
			}
		}
		if oldest == nil {
			return nil
		}
		delete(b.resources, oldest.Name)
	}
	r := &Resource{Name: name}
	b.resources[name] = r
	return r
}

// last is when the resource was heard of.
func (r *Resource) last() time.Time {
	if r.Fine.After(r.Failed) {
		return r.Fine
	}
	return r.Failed
}

func (b *Board) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}
