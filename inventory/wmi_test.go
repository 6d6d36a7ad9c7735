package inventory

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// queryFunc answers queries with rows that it puts into dst.
type queryFunc func(query string, dst any) error

func (f queryFunc) Query(query string, dst any, _ ...any) error { return f(query, dst) }

type row struct {
	Name string
	Size uint64
}

func TestEveryColumnIsNamed(t *testing.T) {
	w := newWMI(queryFunc(func(query string, dst any) error {
		require.Equal(t, "SELECT Name, Size FROM Win32_Thing", query)
		*dst.(*[]row) = []row{{"a", 1}}
		return nil
	}), nil)
	rows, err := ask[row](t.Context(), w, wmiNamespace, "Win32_Thing")
	require.NoError(t, err)
	require.Equal(t, []row{{"a", 1}}, rows)
}

func TestAQueryThatHangsIsGivenUpAndTheOthersFailAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var running, most, asked atomic.Int64
		w := newWMI(queryFunc(func(query string, dst any) error {
			asked.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			if query == "SELECT Name, Size FROM Hangs" {
				<-release
			}
			*dst.(*[]row) = []row{{Name: "late"}}
			return nil
		}), nil)
		began := time.Now()
		var waiting sync.WaitGroup
		for range 5 { // they come while nobody knows yet that it hangs
			waiting.Go(func() {
				time.Sleep(time.Second)
				rows, err := ask[row](t.Context(), w, wmiNamespace, "Quick")
				require.ErrorIs(t, err, ErrBusy)
				require.Empty(t, rows)
			})
		}
		rows, err := ask[row](t.Context(), w, wmiNamespace, "Hangs")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "it hangs")
		require.Empty(t, rows)
		waiting.Wait()
		require.Equal(t, wmiTimeout, time.Since(began))
		for range 100 {
			_, err := ask[row](t.Context(), w, wmiNamespace, "Quick")
			require.ErrorIs(t, err, ErrBusy)
		}
		require.Equal(t, wmiTimeout, time.Since(began), "nobody waited")
		require.EqualValues(t, 1, asked.Load(), "nothing was started beside it")

		close(release)
		synctest.Wait()
		rows, err = ask[row](t.Context(), w, wmiNamespace, "Quick")
		require.NoError(t, err, "it heals")
		require.Len(t, rows, 1)
		require.EqualValues(t, 1, most.Load())
	})
}

func TestTheEndOfASectionGivesItsQueryUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		w := newWMI(queryFunc(func(string, any) error { <-release; return nil }), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := ask[row](ctx, w, wmiNamespace, "Hangs")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestWhatWMIAnswersWrongIsAnError(t *testing.T) {
	broken := errors.New("generic failure")
	for name, c := range map[string]struct {
		answer queryFunc
		rows   int
		err    string
	}{
		"an error beside rows": {func(_ string, dst any) error { *dst.(*[]row) = make([]row, 3); return broken }, 3, "generic failure"},
		"100,000 rows":         {func(_ string, dst any) error { *dst.(*[]row) = make([]row, 100_000); return nil }, maxRows, "100000 instances"},
		"nothing":              {func(string, any) error { return nil }, 0, ""},
		"a nil pointer":        {func(_ string, dst any) error { var none *[]row; *none = dst.([]row); return nil }, 0, "panic"},
		"a wrong type":         {func(_ string, dst any) error { reflect.ValueOf(dst).Elem().SetString("x"); return nil }, 0, "panic"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWMI(c.answer, nil)
			for range 2 { // it harms no query behind it
				rows, err := ask[row](t.Context(), w, wmiNamespace, "X")
				require.Len(t, rows, c.rows)
				if c.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, c.err)
				}
			}
		})
	}
}

// door counts who opens and closes it.
type door struct {
	queryFunc
	opened, closed *atomic.Int64
}

func (d door) Close() error { d.closed.Add(1); return nil }

func TestTheConnectionIsOpenAsLongAsASectionUsesIt(t *testing.T) {
	var opened, closed atomic.Int64
	w := newWMI(nil, func() (connection, error) {
		if opened.Add(1) == 1 {
			return nil, errors.New("the service is not running")
		}
		return door{func(string, any) error { return nil }, &opened, &closed}, nil
	})
	asks := func(times int) probe {
		return func(ctx context.Context, n *notes) (any, error) {
			for range times {
				askNoting[row](ctx, w, n, wmiNamespace, "X")
			}
			return nil, nil
		}
	}
	l := bare(section("a", w.within(asks(3))), section("b", w.within(asks(0))))
	for i := range 3 {
		host, err := l.Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, opened.Load(), closed.Load()+1, "all but the one that failed")
		if i == 0 {
			require.Len(t, host.Problems, 1)
			require.Equal(t, "connect to WMI: the service is not running", host.Problems[0].Text)
		}
	}
	require.EqualValues(t, 4, opened.Load(), "one a collection, and the one that failed")
}

func TestASectionWhoseQueryHangsLeavesTheDoorOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, closed atomic.Int64
		release := make(chan struct{})
		w := newWMI(nil, func() (connection, error) {
			opened.Add(1)
			return door{func(string, any) error { <-release; return nil }, &opened, &closed}, nil
		})
		l := bare(section("a", w.within(func(ctx context.Context, n *notes) (any, error) {
			askNoting[row](ctx, w, n, wmiNamespace, "X")
			return "rest", nil
		})))
		host, err := l.Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, "rest", host.Section("a"))
		require.Len(t, host.Problems, 2)
		close(release)
		synctest.Wait()
		_, err = l.Collect(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, opened.Load(), "the same one")
		require.EqualValues(t, 1, closed.Load())
	})
}
