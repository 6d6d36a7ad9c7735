package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

const (
	// maxBytes bounds the rows that one bucket has: about 80,000 jobs.
	maxBytes = 8 << 20
	// maxKeptBytes bounds the rows that it has no more.
	maxKeptBytes = 8 << 20
	// rowBytes is what a row takes beside its key and its value.
	rowBytes = 64
)

var errTooMuch = fmt.Errorf("settings: the bucket holds more than %d bytes", maxBytes)

// row is the value of a key that is in force: the last good one.
type row struct {
	Value    string
	Revision uint64
	Put      time.Time // by the clock of the broker
	// Kept: it is gone from the bucket, but nobody deleted it.
	Kept bool
}

// badRow is a row that cannot be used.
type badRow struct {
	Key      string
	Revision uint64
	Err      error
}

// policy is how the rows of a bucket are treated.
type policy struct {
	// check says why a value cannot be used, or nil.
	check func(key string, value []byte) error
	// sticky says that a row with this value stays when it vanishes.
	sticky func(value string) bool
}

func (p policy) isSticky(r row) bool { return p.sticky != nil && p.sticky(r.Value) }

// folded is what a view comes to.
type folded struct {
	rows     map[string]row
	bad      []badRow  // by key
	vanished []string  // sticky rows that were there before and are not now
	forgot   forgotten // those for which there was no room
}

// fold brings the rows in force up to a view. It depends on the view and the rows
// alone, not on any order. With errTooMuch the old rows stay in force. Rows that
// the bucket has no more take no room from those that it has.
func (p policy) fold(old map[string]row, view map[string]retry.Entry) (folded, error) {
	f := folded{rows: make(map[string]row, len(view))}
	for key, e := range view {
		p.foldEntry(&f, old, key, e)
	}
	for key, before := range old {
		if _, there := view[key]; !there && p.isSticky(before) {
			f.keep(key, before)
		}
	}
	slices.Sort(f.vanished)
	slices.SortFunc(f.bad, func(a, b badRow) int { return strings.Compare(a.Key, b.Key) })
	if live, _ := sizes(f.rows); live > maxBytes {
		return folded{}, errTooMuch
	}
	return f, nil
}

// keep holds on to a sticky row that the bucket has no more.
func (f *folded) keep(key string, before row) {
	if !before.Kept {
		f.vanished = append(f.vanished, key)
	}
	before.Kept = true
	f.rows[key] = before
}

// outdates reports that what came is from before r: from a backup, or from a
// server that is behind. A bucket that was made anew has later times.
func (r row) outdates(revision uint64, put time.Time) bool {
	return revision < r.Revision && put.Before(r.Put)
}

func (p policy) foldEntry(f *folded, old map[string]row, key string, e retry.Entry) {
	before, had := old[key]
	switch {
	case had && before.Value == string(e.Value):
		f.rows[key] = row{Value: before.Value, Revision: e.Revision, Put: e.Created}
		return
	case had && p.isSticky(before) && before.outdates(e.Revision, e.Created):
		f.keep(key, before)
		return
	}
	err := wire.KeySafe(key)
	if err == nil {
		err = p.check(key, e.Value)
	}
	if err != nil {
		f.bad = append(f.bad, badRow{Key: key, Revision: e.Revision, Err: err})
		if had {
			f.rows[key] = before
		}
		return
	}
	f.rows[key] = row{Value: string(e.Value), Revision: e.Revision, Put: e.Created}
}

func (r row) size(key string) int { return len(key) + len(r.Value) + rowBytes }

// sizes counts the rows that the bucket has, and those that it has no more.
func sizes(rows map[string]row) (live, kept int) {
	for key, r := range rows {
		if r.Kept {
			kept += r.size(key)
		} else {
			live += r.size(key)
		}
	}
	return live, kept
}

// sameContents ignores revisions: a value that is put again changes nothing.
func sameContents(a, b map[string]row) bool {
	return maps.EqualFunc(a, b, func(x, y row) bool { return x.Value == y.Value && x.Kept == y.Kept })
}

// maxDocument bounds one row of settings or groups.
const maxDocument = 64 << 10

var errLongDocument = errors.New("settings: row is longer than 64 KiB")

// document checks a row by decoding it.
func document[T any](decode func([]byte) (T, error)) func(string, []byte) error {
	return func(_ string, value []byte) error {
		if len(value) > maxDocument {
			return errLongDocument
		}
		_, err := decode(value)
		return err
	}
}
