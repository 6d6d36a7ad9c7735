package inventory

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// wmiTimeout is what one query has. One that is given up leaves a section of
// [DefaultTimeout] its other sources.
const wmiTimeout = 8 * time.Second

// maxRows bounds what is kept of one answer.
const maxRows = 10_000

// thisComputer and wmiNamespace, where most classes are, are what is connected to.
const (
	thisComputer = "."
	wmiNamespace = `root\cimv2`
)

// connection is an open WMI: *wmi.SWbemServices of github.com/StackExchange/wmi.
type connection interface {
	Querier
	Close() error
}

// borrowed is a connection that belongs to somebody else.
type borrowed struct{ Querier }

func (borrowed) Close() error { return nil }

// wmiService asks one query after the other, of a connection that is open while
// a section uses it. While a query hangs, all others fail at once.
type wmiService struct {
	turn    breaker
	connect func() (connection, error)
	open    connection // belongs to the call whose turn it is

	mu    sync.Mutex
	users int
}

func newWMI(q Querier, connect func() (connection, error)) *wmiService {
	if q != nil {
		connect = func() (connection, error) { return borrowed{q}, nil }
	}
	return &wmiService{connect: connect}
}

// within keeps the connection open for a probe.
func (w *wmiService) within(p probe) probe {
	return func(ctx context.Context, n *notes) (any, error) {
		w.use(1)
		defer w.leave(ctx, n)
		return p(ctx, n)
	}
}

func (w *wmiService) use(more int) (users int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users += more
	return w.users
}

// leave closes the connection behind the last one. If a query hangs, it stays
// open until it does not.
func (w *wmiService) leave(ctx context.Context, n *notes) {
	if w.use(-1) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), overrun/2)
	defer cancel()
	n.miss("WMI", w.turn.do(ctx, overrun/2, func() error {
		if w.open == nil || w.use(0) > 0 {
			return nil
		}
		closing := w.open
		w.open = nil
		return closing.Close()
	}))
}

func (w *wmiService) query(text string, rows any, namespace string) (err error) {
	if w.open == nil {
		if w.open, err = w.connect(); err != nil {
			w.open = nil
			return fmt.Errorf("connect to WMI: %w", err)
		}
	}
	return w.open.Query(text, rows, thisComputer, namespace)
}

// ask returns the instances of a class, whose columns are the fields of T. What
// came it returns also beside an error.
func ask[T any](ctx context.Context, w *wmiService, namespace, class string) ([]T, error) {
	answer := make(chan []T, 1)
	err := w.turn.do(ctx, wmiTimeout, func() error {
		var rows []T
		err := w.query(wql[T](class), &rows, namespace)
		answer <- rows
		return err
	})
	select {
	case rows := <-answer:
		if len(rows) > maxRows {
			return rows[:maxRows], fmt.Errorf("%d instances; those after %d are left out", len(rows), maxRows)
		}
		return rows, err
	default:
		return nil, err
	}
}

// askNoting notes why there is nothing. A class or namespace that this Windows
// does not have is no problem.
func askNoting[T any](ctx context.Context, w *wmiService, n *notes, namespace, class string) []T {
	rows, err := ask[T](ctx, w, namespace, class)
	n.miss("WMI "+class, absentClass(err))
	return rows
}

// wql names every column: SELECT * makes providers compute what nobody asked for,
// some of it over the network.
func wql[T any](class string) string {
	row := reflect.TypeFor[T]()
	columns := make([]string, row.NumField())
	for i := range columns {
		columns[i] = row.Field(i).Name
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + class
}
