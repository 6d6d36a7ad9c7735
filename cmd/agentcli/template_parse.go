package agentcli

import (
	"errors"
	"slices"
	"strings"
)

// maxNesting bounds how deep tags and calls may be nested in a template.
const maxNesting = 100

// template is a parsed configuration file, before its values are known.
type template struct {
	src   string
	nodes []node
}

// node is a stretch of the file: text, an output tag or a condition.
type node interface {
	render(r *renderer)
}

type (
	textNode   struct{ from, to int } // copied as it is
	outputNode struct {
		value expression
		at    int
	}
	ifNode struct{ branches []branch }
	branch struct {
		condition expression // nil: else
		at        int
		body      []node
	}
)

type parser struct {
	scanner
	depth    int
	trimNext bool // the last tag ended in -}} or -%}
	faults   []error
	skipped  map[string]bool // the ends of blocks that are not supported
	givenUp  bool
}

// maxFaults is how many are found in a file before it is given up.
const maxFaults = 50

// parseTemplate knows a part of Tera 1: {{ }}, {% if %}, {# #}. What it does not
// know is a fault that names it; nothing is passed over in silence. After a
// fault it goes on behind the tag, to find them all.
func parseTemplate(src string) (template, []error) {
	p := &parser{scanner: scanner{src: src}, skipped: map[string]bool{}}
	var all []node
	for {
		nodes, end := p.nodes()
		all = append(all, nodes...)
		if end.kind == tokenEnd {
			return template{src: src, nodes: all}, p.faults
		}
		p.resume(end.at, errorAt(end.at, "{%% %s %%} without {%% if %%}", end.text))
	}
}

// failed notes a fault and goes on behind the tag that it is in.
func (p *parser) failed(err error) {
	p.faults = append(p.faults, err)
	p.trimNext = false
	rest := p.src[p.pos:]
	end := len(rest)
	for _, closer := range [...]string{"}}", "%}"} {
		if i := strings.Index(rest, closer); i >= 0 {
			end = min(end, i+len(closer))
		}
	}
	p.pos += end
	if p.givenUp = p.givenUp || len(p.faults) >= maxFaults; p.givenUp {
		p.pos = len(p.src)
	}
}

// resume goes on behind the tag that err is in, or the one that began at at.
func (p *parser) resume(at int, err error) {
	if fault, ok := errors.AsType[*templateError](err); ok {
		p.pos = min(max(at, fault.at), len(p.src))
	}
	p.failed(err)
}

// nodes reads up to the end of the file or up to an elif, else or endif, which
// it returns unread but for its name.
func (p *parser) nodes() ([]node, token) {
	var nodes []node
	for {
		text, opener := p.text()
		if text.from < text.to {
			nodes = append(nodes, text)
		}
		if opener == "" {
			return nodes, token{kind: tokenEnd, at: p.pos}
		}
		at := p.pos
		n, end, err := p.tag(opener)
		switch {
		case err != nil:
			p.resume(at, err)
		case end != nil:
			return nodes, *end
		case n != nil:
			nodes = append(nodes, n)
		}
	}
}

// tag reads what follows an opening delimiter: a node, nothing (a comment), or
// a tag that ends the nodes before it.
func (p *parser) tag(opener string) (node, *token, error) {
	switch opener {
	case "{#":
		return nil, nil, p.comment()
	case "{{":
		n, err := p.output()
		return n, nil, err
	}
	tag, err := p.next()
	switch {
	case err != nil:
		return nil, nil, err
	case tag.named("elif"), tag.named("else"), tag.named("endif"):
		return nil, &tag, nil
	case tag.kind == tokenName && p.skipped[tag.text]:
		return nil, nil, p.close("%}")
	}
	n, err := p.statement(tag)
	return n, nil, err
}

// text reads up to the next tag and past its opening delimiter.
func (p *parser) text() (textNode, string) {
	text := textNode{from: p.pos, to: len(p.src)}
	opener := ""
	for i := p.pos; i+1 < len(p.src); i++ {
		if two := p.src[i : i+2]; two == "{{" || two == "{%" || two == "{#" {
			text.to, opener = i, two
			break
		}
	}
	p.pos = text.to + len(opener)
	if p.trimNext {
		text.from = text.to - len(strings.TrimLeft(p.src[text.from:text.to], " \t\r\n"))
		p.trimNext = false
	}
	if opener != "" && strings.HasPrefix(p.src[p.pos:], "-") {
		p.pos++
		text.to = text.from + len(strings.TrimRight(p.src[text.from:text.to], " \t\r\n"))
	}
	return text, opener
}

func (p *parser) comment() error {
	length := strings.Index(p.src[p.pos:], "#}")
	if length < 0 {
		at := p.pos
		p.pos = len(p.src)
		return errorAt(at, "the comment {# is not closed")
	}
	p.trimNext = strings.HasSuffix(p.src[p.pos:p.pos+length], "-")
	p.pos += length + len("#}")
	return nil
}

func (p *parser) output() (node, error) {
	p.skipBlanks()
	at := p.pos
	value, err := p.expression()
	if err != nil {
		return nil, err
	}
	return outputNode{value: value, at: at}, p.close("}}")
}

func (p *parser) close(delimiter string) error {
	t, err := p.next()
	if err != nil {
		return err
	}
	if t.kind != tokenClose || !strings.HasSuffix(t.text, delimiter) {
		return p.unexpected(t, delimiter)
	}
	p.trimNext = strings.HasPrefix(t.text, "-")
	return nil
}

func (p *parser) statement(tag token) (node, error) {
	if !tag.named("if") {
		if tag.kind == tokenName {
			p.skipped["end"+tag.text] = true
			return nil, errorAt(tag.at, "the template tag %q is not supported", tag.text)
		}
		return nil, errorAt(tag.at, "expected a template tag such as if, found %v", tag)
	}
	if err := p.enter(tag.at); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.conditional(tag), nil
}

func (p *parser) conditional(tag token) node {
	var result ifNode
	for start := tag; ; {
		if n := len(result.branches); n > 0 && result.branches[n-1].condition == nil && !tag.named("endif") {
			p.faults = append(p.faults, errorAt(tag.at, "{%% %s %%} after {%% else %%}", tag.text))
		}
		b := branch{at: tag.at}
		at := p.pos
		if err := p.head(tag, &b); err != nil {
			p.resume(at, err)
			b.condition = constant{}
		}
		if tag.named("endif") {
			return result
		}
		if b.body, tag = p.nodes(); tag.kind == tokenEnd {
			if !p.givenUp {
				p.faults = append(p.faults, errorAt(start.at, "{%% if %%} without {%% endif %%}"))
			}
			return result
		}
		result.branches = append(result.branches, b)
	}
}

// head reads the rest of an if, elif, else or endif.
func (p *parser) head(tag token, b *branch) (err error) {
	if tag.named("if") || tag.named("elif") {
		if b.condition, err = p.expression(); err != nil {
			return err
		}
	}
	return p.close("%}")
}

func (p *parser) enter(at int) error {
	if p.depth++; p.depth > maxNesting {
		p.givenUp = true
		return errorAt(at, "nested more than %d deep", maxNesting)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) peek() (token, error) {
	saved := p.pos
	t, err := p.next()
	p.pos = saved
	return t, err
}

// unexpected names what Tera has and this renderer has not.
func (p *parser) unexpected(t token, wanted string) error {
	switch {
	case t.is("["):
		return errorAt(t.at, "template lists and indexes are not supported")
	case t.kind == tokenSymbol && strings.ContainsAny(t.text, "+-*/%~<>"),
		t.kind == tokenName && slices.Contains([]string{"in", "is"}, t.text):
		return errorAt(t.at, "the template operator %q is not supported", t.text)
	}
	return errorAt(t.at, "expected %s, found %v", wanted, t)
}
