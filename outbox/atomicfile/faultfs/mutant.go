package faultfs

import (
	"errors"
	"fmt"
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

// Suite is a program that claims to survive a power cut, and how to find out.
type Suite struct {
	Model Model
	// Packages are the import paths of the program under test; the function of it
	// that asks for a sync is part of the sync's label, but for Helpers, which do
	// what their callers decide.
	Packages []string
	Helpers  []string
	// Class of a file or folder: what those have in common that the program
	// treats alike.
	Class func(name string) string
	// Scenario runs the program until its end, or until the power fails. An error
	// means that the program failed of itself.
	Scenario func(m *Mutant) (Promise, error)

	kept map[string]bool
}

// Promise is what must be true of any disk that is found after a power cut.
type Promise struct {
	// Of tells promises apart: what Check finds depends on nothing else and the
	// files on the disk.
	Of    string
	Check func(found *FS) error
	// Restart, optional, is what follows when the process was killed, with all that
	// it had written still there. It calls check where the power can fail.
	Restart func(m *Mutant, check func(Promise) error) error
}

// check looks at each pair of promise and disk once.
func (s *Suite) check(p Promise) func(*FS) error {
	if s.kept == nil {
		s.kept = map[string]bool{}
	}
	return func(found *FS) error {
		print := found.Fingerprint()
		key := string(print[:]) + p.Of
		if s.kept[key] {
			return nil
		}
		err := p.Check(found)
		s.kept[key] = err == nil
		return err
	}
}

// maxStops is above the number of steps of any scenario.
const maxStops = 1000

// Run cuts the power at each step of the scenario and looks at every disk that
// can be found; then it kills the process at each step, and cuts the power in the
// next one. Nil: all promises were kept.
func (s *Suite) Run(m Mutation) error {
	if err := s.stopAt(m, 0); err != nil {
		return fmt.Errorf("%v: %w", m, err)
	}
	if err := s.eachStop(m, max(1, m.first-1), s.stopAt); err != nil {
		return fmt.Errorf("%v: power cut after step %w", m, err)
	}
	if m.Swap[0] != "" {
		return nil // the power cuts are enough for them
	}
	if err := s.eachStop(m, 1, s.killAt); err != nil {
		return fmt.Errorf("%v: killed after step %w", m, err)
	}
	return nil
}

func (s *Suite) eachStop(m Mutation, from int, at func(Mutation, int) error) error {
	for stop := from; stop < maxStops; stop++ {
		err := at(m, stop)
		if errors.Is(err, errEnd) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%d: %w", stop, err)
		}
	}
	return fmt.Errorf("%d: the scenario has not come to its end", maxStops)
}

var errEnd = errors.New("the scenario has run to its end")

func (s *Suite) stopAt(mutation Mutation, stop int) error {
	m := &Mutant{FS: New(stop, s.Model), suite: s, mutation: mutation}
	promise, err := s.Scenario(m)
	m.settle()
	if err != nil && !m.Cut() {
		return fmt.Errorf("the program fails of itself: %w", err)
	}
	if err := m.EachSurvivor(s.check(promise)); err != nil {
		return err
	}
	if stop > 0 && m.Steps() < stop {
		return errEnd
	}
	return nil
}

// killAt begins with the scenario, of which nobody waits for an answer.
func (s *Suite) killAt(mutation Mutation, stop int) error {
	m := &Mutant{FS: New(0, s.Model), suite: s, mutation: mutation}
	m.KillAt(stop)
	promise, _ := s.Scenario(m)
	if !m.Killed() || promise.Restart == nil {
		return errEnd
	}
	m.Restart()
	return promise.Restart(m, func(p Promise) error { return m.EachSurvivor(s.check(p)) })
}

// Restart forgets the failures that were to come.
func (m *Mutant) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = nil
	m.FS.Restart()
}

// Mutations are those with each sync of the scenario left out and any two steps
// in a row swapped, the same two at every place where they are. Where the second
// needs the handle that the first returns, they cannot be.
func (s *Suite) Mutations() ([]Mutation, error) {
	m := &Mutant{FS: New(0, s.Model), suite: s}
	if _, err := s.Scenario(m); err != nil {
		return nil, err
	}
	var all []Mutation
	places := map[string]int{}
	add := func(one Mutation, place int) *Mutation {
		i, known := places[one.String()]
		if !known {
			i = len(all)
			places[one.String()] = i
			one.first = place
			all = append(all, one)
		}
		return &all[i]
	}
	for i, label := range m.done {
		if strings.HasPrefix(label, "sync ") {
			add(Mutation{Drop: label}, i)
		}
		if i+1 < len(m.done) && m.hold[i] {
			swap := add(Mutation{Swap: [2]string{label, m.done[i+1]}}, i)
			if n := len(swap.at); n == 0 || swap.at[n-1] < i-1 {
				swap.at = append(swap.at, i)
			}
		}
	}
	return all, nil
}
