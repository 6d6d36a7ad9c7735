package faultfs

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Mutation is one thing that is wrong with a [Mutant]. The zero value is the
// program as it is.
type Mutation struct {
	Drop  string    // a sync that reports success and does nothing
	Swap  [2]string // the first of two steps in a row is done after the second
	at    []int     // where the first of the two is
	first int       // step that differs
}

func (m Mutation) String() string {
	switch {
	case m.Drop != "":
		return "without: " + m.Drop
	case m.Swap[0] != "":
		return "swapped: " + m.Swap[0] + " | " + m.Swap[1]
	}
	return "as it is"
}

// Mutant is a disk, and what is beside it, as a wrong program would use them.
// Its steps have labels: what is done, to what class of file, and for syncs which
// function of the program asks for it.
type Mutant struct {
	*FS
	suite    *Suite
	mutation Mutation

	mu   sync.Mutex
	done []string
	late func() error
	hold []bool // of each step: whether it can be done late
	fail map[string]error
}

// Mutation is what is wrong with the mutant.
func (m *Mutant) Mutation() Mutation { return m.mutation }

// FailNext lets the next step fail whose label begins so.
func (m *Mutant) FailNext(label string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.fail = map[string]error{}
	}
	m.fail[label] = err
}

// due is called with the lock held.
func (m *Mutant) due(label string) {
	for begin, err := range m.fail {
		if strings.HasPrefix(label, begin) {
			delete(m.fail, begin)
			next := m.Steps() + 1
			m.Fail(next, next, err)
		}
	}
}

// Do is a step of the program that happens beside the disk.
func (m *Mutant) Do(label string, op func() error) error {
	return m.step(label, true, func() error {
		if err := m.Event(); err != nil {
			return err
		}
		return op()
	})
}

// step does op, or what the mutation makes of it.
func (m *Mutant) step(label string, canWait bool, op func() error) error {
	late, wait := m.plan(label, canWait, op)
	if wait {
		return nil
	}
	err := op()
	if late != nil {
		_ = late() // the program was told that it is done
	}
	return err
}

func (m *Mutant) plan(label string, canWait bool, op func() error) (late func() error, wait bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	place := len(m.done)
	m.done, m.hold = append(m.done, label), append(m.hold, canWait)
	late, m.late = m.late, nil
	if label != m.mutation.Drop {
		m.due(label)
	}
	switch {
	case label == m.mutation.Drop:
		return nil, true
	case late == nil && canWait && label == m.mutation.Swap[0] && slices.Contains(m.mutation.at, place):
		m.late = op
		return nil, true
	}
	return late, false
}

// settle does what is still to be done when the program has ended.
func (m *Mutant) settle() {
	if m.late != nil {
		_ = m.late()
	}
}

// Unchanged is a disk under a program as it is.
func Unchanged(f *FS) *Mutant { return &Mutant{FS: f} }

func (m *Mutant) label(op, name string) string { return op + " " + m.class(name) }

func (m *Mutant) class(name string) string {
	if m.suite == nil {
		return ""
	}
	return m.suite.Class(Name(name))
}

func (m *Mutant) syncLabel(op, name string) string {
	if m.suite == nil {
		return op
	}
	return m.label(op, name) + " by " + m.suite.caller()
}

func (m *Mutant) OpenFile(name string, flag int, perm fs.FileMode) (f atomicfile.File, err error) {
	open := func() error {
		f, err = m.FS.OpenFile(name, flag, perm)
		return err
	}
	_, missing := m.Stat(name)
	switch {
	case flag&os.O_CREATE != 0 && missing != nil:
		err = m.step(m.label("create", name), false, open)
	case flag&os.O_TRUNC != 0 && missing == nil:
		err = m.step(m.label("truncate", name), false, open)
	default:
		err = open()
	}
	if err != nil {
		return nil, err
	}
	return &mutantFile{File: f, m: m}, nil
}

func (m *Mutant) Rename(from, to string) error {
	label := m.label("rename", from) + " to " + m.class(to)
	return m.step(label, true, func() error { return m.FS.Rename(from, to) })
}

// Remove of what is not there is no step.
func (m *Mutant) Remove(name string) error {
	if _, err := m.Stat(name); err != nil {
		return m.FS.Remove(name)
	}
	return m.step(m.label("remove", name), true, func() error { return m.FS.Remove(name) })
}

func (m *Mutant) MkdirAll(dir string, perm fs.FileMode) error {
	if _, err := m.Stat(dir); err == nil {
		return m.FS.MkdirAll(dir, perm)
	}
	return m.step(m.label("make folder", dir), true, func() error { return m.FS.MkdirAll(dir, perm) })
}

func (m *Mutant) SyncDir(dir string) error {
	if m.model == NTFS {
		return m.FS.SyncDir(dir) // no step there
	}
	return m.step(m.syncLabel("sync folder", dir), true, func() error { return m.FS.SyncDir(dir) })
}

type mutantFile struct {
	atomicfile.File
	m *Mutant
}

func (f *mutantFile) Write(p []byte) (int, error) {
	p = slices.Clone(p)
	n := len(p)
	err := f.m.step(f.m.label("write", f.Name()), true, func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	return n, err
}

func (f *mutantFile) Sync() error {
	return f.m.step(f.m.syncLabel("sync", f.Name()), true, f.File.Sync)
}

// Restart forgets the failures that were to come.
func (m *Mutant) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = nil
	m.FS.Restart()
}
