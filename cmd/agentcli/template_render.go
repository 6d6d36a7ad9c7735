package agentcli

import (
	"errors"
	"sort"
	"strings"
)

const (
	// maxConfigBytes bounds a configuration file, before and after rendering.
	maxConfigBytes = 1 << 20
	// maxPasses is how often a file is rendered until its [vars] are settled;
	// the number is the reference's.
	maxPasses = 10
	// unknown stands where a variable is not known yet. It is a number so that
	// the file around it stays valid TOML, inside quotes and outside.
	unknown = "7309173509173509"
)

// rendered is a file after rendering, with the way back to its source.
type rendered struct {
	text    string
	src     string
	marks   []mark
	pending []*undefinedVar // variables that were not known
	faults  []error         // everything else that is wrong with it
}

// mark says where a stretch of the output comes from.
type mark struct {
	out, src int
	literal  bool // copied, so offsets inside it advance together
}

// source translates an offset of the text into one of the source.
func (r rendered) source(offset int) int {
	i := sort.Search(len(r.marks), func(i int) bool { return r.marks[i].out > offset }) - 1
	switch {
	case i < 0:
		return 0
	case r.marks[i].literal:
		return min(r.marks[i].src+offset-r.marks[i].out, len(r.src))
	}
	return r.marks[i].src
}

type renderer struct {
	*scope
	src     string
	out     strings.Builder
	marks   []mark
	pending []*undefinedVar
	faults  []error
	full    bool // no more is written
}

func (t template) render(s *scope) rendered {
	r := &renderer{scope: s, src: t.src}
	r.all(t.nodes)
	return rendered{text: r.out.String(), src: t.src, marks: r.marks, pending: r.pending, faults: r.faults}
}

func (r *renderer) all(nodes []node) {
	for _, n := range nodes {
		n.render(r)
	}
}

func (r *renderer) write(text string, m mark) {
	if r.full {
		return
	}
	if r.out.Len()+len(text) > maxConfigBytes {
		r.full = true
		r.failed(errorAt(m.src, "the file grows beyond %d bytes here", maxConfigBytes))
		return
	}
	m.out = r.out.Len()
	r.marks = append(r.marks, m)
	r.out.WriteString(text)
}

// failed notes what is wrong and goes on: there may be more.
func (r *renderer) failed(err error) {
	if undefined, ok := errors.AsType[*undefinedVar](err); ok {
		r.pending = append(r.pending, undefined)
		return
	}
	r.faults = append(r.faults, err)
}

func (t textNode) render(r *renderer) {
	r.write(r.src[t.from:t.to], mark{src: t.from, literal: true})
}

func (o outputNode) render(r *renderer) {
	v, err := o.value.eval(r.scope)
	if err != nil {
		v = textValue(unknown)
		r.failed(err)
	}
	r.write(v.text, mark{src: o.at})
}

func (n ifNode) render(r *renderer) {
	for _, b := range n.branches {
		if b.condition == nil {
			r.all(b.body)
			return
		}
		v, err := b.condition.eval(r.scope)
		if err != nil {
			r.failed(err)
			return
		}
		if v.truth {
			r.all(b.body)
			return
		}
	}
}

// likelier chooses between broken TOML and an unknown variable in the same line,
// which is then what broke it.
func (r rendered) likelier(err error) error {
	var broken *templateError
	if !errors.As(err, &broken) {
		return err
	}
	brokenLine, _ := position(r.src, broken.at)
	for _, pending := range r.pending {
		if line, _ := position(r.src, pending.at); line == brokenLine {
			return pending.templateError
		}
	}
	return err
}
