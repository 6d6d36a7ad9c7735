package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/kanade-go/kanade/inventory/facts"
)

// probe collects one section. What it found it returns as a pointer to the
// section, also beside an error; nil if there is nothing. It must return soon
// after the end of ctx.
type probe func(ctx context.Context, n *notes) (any, error)

// maxNotes bounds what one section says of what it could not find out.
const maxNotes = 16

// notes gathers what a section could not find out while the rest of it is good.
type notes struct {
	mu   sync.Mutex
	all  []facts.Problem
	more int
}

// miss notes that a source gave nothing. That something does not exist is no
// problem: most hosts lack most sources.
func (n *notes) miss(source string, err error) {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.all) == maxNotes {
		n.more++
		return
	}
	n.all = append(n.all, facts.Problem{Source: source, Text: err.Error()})
}

// problems are the notes of a section, and its error.
func (n *notes) problems(section string, err error) []facts.Problem {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]facts.Problem, 0, len(n.all)+2)
	for _, p := range n.all {
		p.Section = section
		all = append(all, p)
	}
	if n.more > 0 {
		all = append(all, facts.Problem{Section: section, Text: fmt.Sprintf("and %d problems more", n.more)})
	}
	if err != nil {
		all = append(all, facts.Problem{Section: section, Text: err.Error()})
	}
	return all
}

// finding is what became of one section.
type finding struct {
	Name     string          `json:"section"`
	Data     json.RawMessage `json:"data,omitempty"` // only between processes
	Problems []facts.Problem `json:"problems,omitempty"`
	Failed   string          `json:"failed,omitempty"` // only between processes

	section any
	err     error
}

// into places a finding into the host. What is missing in it is returned.
func (f finding) into(h *facts.Host) error {
	h.Set(f.Name, f.section)
	h.Problems = append(h.Problems, f.Problems...)
	if f.err != nil {
		return &SectionError{Section: f.Name, Err: f.err}
	}
	return nil
}
