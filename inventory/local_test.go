package inventory

import (
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// bare is a collector of nothing but the sections that the test brings.
func bare(opts ...Option) *Local {
	l := NewLocal(opts...)
	l.probes = l.opts.extra
	return l
}

func section(name string, p probe) Option {
	return func(o *options) { o.extra[name] = p }
}

func TestASectionThatFailsHarmsNoOther(t *testing.T) {
	broken := errors.New("broken")
	l := bare(
		section("good", func(context.Context, *notes) (any, error) { return &facts.OS{Name: "Plan 9"}, nil }),
		section("half", func(_ context.Context, n *notes) (any, error) {
			n.miss("/a", fs.ErrNotExist)
			n.miss("/b", fs.ErrPermission)
			return &facts.Network{Domain: "example"}, broken
		}),
		section("panics", func(context.Context, *notes) (any, error) { panic("oh") }),
	)
	host, err := l.Collect(t.Context())
	require.Equal(t, "Plan 9", host.OS.Name)
	require.Equal(t, "example", host.Network.Domain, "what was found stays")
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, ErrPanic)
	require.Len(t, failures(err), 2)
	require.Equal(t, []facts.Problem{
		{Section: "half", Source: "/b", Text: "permission denied"},
		{Section: "half", Text: "broken"},
	}, host.Problems[:2], "that something does not exist is no problem")
}

func TestASectionThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var runs atomic.Int64
		l := bare(WithTimeout(time.Minute), WithTimeout(time.Second, "hangs"),
			section("hangs", func(context.Context, *notes) (any, error) { runs.Add(1); <-release; return nil, nil }),
			section("slow", func(context.Context, *notes) (any, error) { time.Sleep(30 * time.Second); return "slow", nil }),
		)
		began := time.Now()
		host, err := l.Collect(t.Context())
		require.Equal(t, 30*time.Second, time.Since(began))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Contains(t, failures(err), "hangs")
		require.Equal(t, "slow", host.Section("slow"))

		_, err = l.Collect(t.Context())
		require.ErrorIs(t, err, ErrBusy)
		require.EqualValues(t, 1, runs.Load(), "nothing piles up behind it")
		close(release)
		synctest.Wait()
		_, err = l.Collect(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 2, runs.Load())
	})
}

// A source that heeds its context may tell what it has.
func TestASectionMayUseTheEndOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bare(WithTimeout(time.Second), section("heeds", func(ctx context.Context, _ *notes) (any, error) {
			<-ctx.Done()
			return "half", ctx.Err()
		}))
		host, err := l.Collect(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, "half", host.Section("heeds"))
	})
}

func TestSectionsThatNobodyHas(t *testing.T) {
	l := bare(WithSections("os", "ghosts"), section("os", func(context.Context, *notes) (any, error) { return &facts.OS{}, nil }))
	host, err := l.Collect(t.Context())
	require.ErrorContains(t, err, "inventory: collect ghosts: this host has no such section; there are [os]")
	require.NotNil(t, host.OS)
}

// A name belongs to whoever had it first: that section is collected, and the other one
// refused aloud.
func TestANameThatIsTaken(t *testing.T) {
	is := func(v any) func(context.Context) (any, error) {
		return func(context.Context) (any, error) { return v, nil }
	}
	host, err := NewLocal(WithSections("os", "racks"), WithSection("racks", is(1)), WithSection("racks", is(2)), WithSection("os", is(3))).Collect(t.Context())
	require.ErrorIs(t, err, ErrNameTaken)
	require.Len(t, failures(err), 2)
	require.Equal(t, 1, host.Section("racks"))
	require.NotEmpty(t, host.OS.Family)
	require.Len(t, host.Problems, 2)
}

func TestNotesAreBounded(t *testing.T) {
	var n notes
	for range 100 {
		n.miss("x", fs.ErrPermission)
	}
	all := n.problems("os", nil)
	require.Len(t, all, maxNotes+1)
	require.Equal(t, "and 84 problems more", all[maxNotes].Text)
}

// Who comes again at once is not refused.
func TestCollectionsOneAfterTheOther(t *testing.T) {
	l := bare(section("quick", func(context.Context, *notes) (any, error) { return 1, nil }))
	for range 1000 {
		_, err := l.Collect(t.Context())
		require.NoError(t, err)
	}
}
