package faultfs

import (
	"errors"
	"fmt"
	"strings"
)

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
