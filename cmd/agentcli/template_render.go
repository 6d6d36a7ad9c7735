package agentcli

import (
	"errors"
	"fmt"
	"reflect"
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
	pending *undefinedVar // the first variable that was not known
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
	pending *undefinedVar
}

func (t template) render(s *scope) (rendered, error) {
	r := &renderer{scope: s, src: t.src}
	err := r.all(t.nodes)
	return rendered{text: r.out.String(), src: t.src, marks: r.marks, pending: r.pending}, err
}

func (r *renderer) all(nodes []node) error {
	for _, n := range nodes {
		if err := n.render(r); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) write(text string, m mark) error {
	if r.out.Len()+len(text) > maxConfigBytes {
		return errorAt(m.src, "the file grows beyond %d bytes here", maxConfigBytes)
	}
	m.out = r.out.Len()
	r.marks = append(r.marks, m)
	r.out.WriteString(text)
	return nil
}

// postpone remembers an unknown variable; other errors come back.
func (r *renderer) postpone(err error) error {
	var undefined *undefinedVar
	if !errors.As(err, &undefined) {
		return err
	}
	if r.pending == nil {
		r.pending = undefined
	}
	return nil
}

func (t textNode) render(r *renderer) error {
	return r.write(r.src[t.from:t.to], mark{src: t.from, literal: true})
}

func (o outputNode) render(r *renderer) error {
	v, err := o.value.eval(r.scope)
	if err != nil {
		v = textValue(unknown)
		if err := r.postpone(err); err != nil {
			return err
		}
	}
	return r.write(v.text, mark{src: o.at})
}

func (n ifNode) render(r *renderer) error {
	for _, b := range n.branches {
		if b.condition == nil {
			return r.all(b.body)
		}
		v, err := b.condition.eval(r.scope)
		if err != nil {
			return r.postpone(err)
		}
		if v.truth {
			return r.all(b.body)
		}
	}
	return nil
}

// expand renders a configuration file. Its [vars] may use one another: the
// file is rendered again until nothing is unknown.
func expand(src string, s scope) (rendered, error) {
	t, err := parseTemplate(src)
	if err != nil {
		return rendered{src: src}, err
	}
	s.vars = map[string]any{}
	for range maxPasses {
		r, err := t.render(&s)
		if err != nil || r.pending == nil {
			return r, err
		}
		var doc map[string]any
		if err := decodeTOML(r, &doc); err != nil {
			return r, r.likelier(err)
		}
		vars := settled(doc["vars"])
		if reflect.DeepEqual(vars, s.vars) {
			return r, r.pending.templateError
		}
		s.vars = vars
	}
	return rendered{src: src}, errorAt(0, "[vars] did not settle in %d passes", maxPasses)
}

// likelier chooses between broken TOML and the unknown variable in the same
// line, which is then what broke it.
func (r rendered) likelier(err error) error {
	var broken *templateError
	if !errors.As(err, &broken) {
		return err
	}
	brokenLine, _ := position(r.src, broken.at)
	pendingLine, _ := position(r.src, r.pending.at)
	if brokenLine == pendingLine {
		return r.pending.templateError
	}
	return err
}

// settled drops what still depends on an unknown variable.
func settled(table any) map[string]any {
	known := map[string]any{}
	entries, _ := table.(map[string]any)
	for name, v := range entries {
		if inner, ok := v.(map[string]any); ok {
			v = settled(inner)
		}
		if !strings.Contains(fmt.Sprint(name, v), unknown) {
			known[name] = v
		}
	}
	return known
}
