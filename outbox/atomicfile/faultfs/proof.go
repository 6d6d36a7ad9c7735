package faultfs

import (
	"errors"
	"fmt"
)

// What a [Suite] lacks that proves nothing.
var (
	ErrNoSync    = errors.New("the scenario has no sync")
	ErrUnnoticed = errors.New("nobody notices the mutant")
)

// Prove runs the program as it is, which must keep its promises, and without each
// of its syncs, which must not: then all of them are needed, and the suite sees it.
func (s *Suite) Prove() error {
	if err := s.Run(Mutation{}); err != nil {
		return fmt.Errorf("%v: %w", s.Model, err)
	}
	all, err := s.Mutations()
	if err != nil {
		return fmt.Errorf("%v: %w", s.Model, err)
	}
	syncs := 0
	for _, m := range all {
		if m.Drop == "" {
			continue
		}
		syncs++
		if s.Run(m) == nil {
			return fmt.Errorf("%v: %w: %v", s.Model, ErrUnnoticed, m)
		}
	}
	if syncs == 0 {
		return fmt.Errorf("%v: %w", s.Model, ErrNoSync)
	}
	return nil
}
