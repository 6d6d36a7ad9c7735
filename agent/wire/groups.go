package wire

import (
	"errors"
	"fmt"
	"slices"
)

// AgentGroups is which groups a host is in: a value of the bucket agent_groups,
// whose keys are pc_ids.
type AgentGroups struct {
	// Groups as they were sent: in any order, possibly twice, and not checked;
	// see Members.
	Groups []string
}

// MaxGroups bounds the groups of one host: each of them is a subscription, a
// filter of its consumer and a key that it watches.
const MaxGroups = 256

// DecodeAgentGroups reads a membership. The error matches [ErrDecode].
func DecodeAgentGroups(data []byte) (AgentGroups, error) {
	r := newReader("groups", data)
	var g AgentGroups
	seen := r.document(func(key []byte) {
		if string(key) == "groups" {
			g.Groups = r.strings()
			return
		}
		r.skip()
	})
	r.require(seen, "groups")
	if r.err != nil {
		return AgentGroups{}, r.err
	}
	return g, nil
}

// Members returns the groups that can be, each once and in ascending byte order,
// and never nil. A name that no subject can hold is left out and reported in the
// error, which matches [ErrInvalid]; so is what is more than 256 groups.
func (g AgentGroups) Members() ([]string, error) {
	names := slices.Compact(slices.Sorted(slices.Values(g.Groups)))
	members := make([]string, 0, min(len(names), MaxGroups))
	var errs []error
	for i, name := range names {
		if len(members) == MaxGroups {
			errs = append(errs, fmt.Errorf("%w groups: %d are more than the %d that a host can be in", ErrInvalid, len(members)+len(names)-i, MaxGroups))
			break
		}
		if err := checkTokens(name, maxNameBytes); err != nil {
			errs = appendFew(errs, fmt.Errorf("%w group %s: %w", ErrInvalid, clip(name), err))
			continue
		}
		members = append(members, name)
	}
	return members, errors.Join(errs...)
}

// maxProblems is how many problems of one kind are named.
const maxProblems = 8

func appendFew(errs []error, err error) []error {
	if len(errs) == maxProblems {
		return errs
	}
	return append(errs, err)
}

// Validate reports every group that no subject can hold; each problem matches
// [ErrInvalid].
func (g AgentGroups) Validate() error {
	_, err := g.Members()
	return err
}

// Encode writes the groups in ascending order, each once.
func (g AgentGroups) Encode() []byte {
	w := newWriter(64)
	w.strings("groups", slices.Compact(slices.Sorted(slices.Values(g.Groups))))
	return w.end()
}

// strings reads an array of strings.
func (r *reader) strings() []string {
	if r.peek() != '[' {
		r.mismatch("an array of strings")
		return nil
	}
	all := []string{}
	r.array(func() { all = append(all, r.string()) })
	return all
}

func (w *writer) strings(name string, values []string) {
	w.key(name)
	w.buf = append(w.buf, '[')
	for i, value := range values {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = appendString(w.buf, value)
	}
	w.buf = append(w.buf, ']')
}
