package agentcli

import (
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
	render(r *renderer) error
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
}

// parseTemplate knows a part of Tera 1: {{ }}, {% if %}, {# #}. What it does
// not know is an error that names it; nothing is passed over in silence.
func parseTemplate(src string) (template, error) {
	p := &parser{scanner: scanner{src: src}}
	nodes, end, err := p.nodes()
	if err != nil {
		return template{}, err
	}
	if end.kind != tokenEnd {
		return template{}, errorAt(end.at, "{%% %s %%} without {%% if %%}", end.text)
	}
	return template{src: src, nodes: nodes}, nil
}

// nodes reads up to the end of the file or up to an elif, else or endif, which
// it returns unread but for its name.
func (p *parser) nodes() ([]node, token, error) {
	var nodes []node
	for {
		text, opener := p.text()
		if text.from < text.to {
			nodes = append(nodes, text)
		}
		switch opener {
		case "":
			return nodes, token{kind: tokenEnd, at: p.pos}, nil
		case "{#":
			if err := p.comment(); err != nil {
				return nil, token{}, err
			}
		case "{{":
			output, err := p.output()
			if err != nil {
				return nil, token{}, err
			}
			nodes = append(nodes, output)
		case "{%":
			tag, err := p.next()
			if err != nil {
				return nil, token{}, err
			}
			if tag.named("elif") || tag.named("else") || tag.named("endif") {
				return nodes, tag, nil
			}
			condition, err := p.statement(tag)
			if err != nil {
				return nil, token{}, err
			}
			nodes = append(nodes, condition)
		}
	}
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
		return errorAt(p.pos, "the comment {# is not closed")
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
		return unexpected(t, delimiter)
	}
	p.trimNext = strings.HasPrefix(t.text, "-")
	return nil
}

func (p *parser) statement(tag token) (node, error) {
	if !tag.named("if") {
		if tag.kind == tokenName {
			return nil, errorAt(tag.at, "the template tag %q is not supported", tag.text)
		}
		return nil, errorAt(tag.at, "expected a template tag such as if, found %v", tag)
	}
	if err := p.enter(tag.at); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.conditional(tag)
}

func (p *parser) conditional(tag token) (node, error) {
	var result ifNode
	for start := tag; ; {
		if n := len(result.branches); n > 0 && result.branches[n-1].condition == nil && !tag.named("endif") {
			return nil, errorAt(tag.at, "{%% %s %%} after {%% else %%}", tag.text)
		}
		b := branch{at: tag.at}
		var err error
		if tag.named("if") || tag.named("elif") {
			if b.condition, err = p.expression(); err != nil {
				return nil, err
			}
		}
		if err = p.close("%}"); err != nil || tag.named("endif") {
			return result, err
		}
		if b.body, tag, err = p.nodes(); err != nil {
			return nil, err
		}
		if tag.kind == tokenEnd {
			return nil, errorAt(start.at, "{%% if %%} without {%% endif %%}")
		}
		result.branches = append(result.branches, b)
	}
}

func (p *parser) enter(at int) error {
	if p.depth++; p.depth > maxNesting {
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
func unexpected(t token, wanted string) error {
	switch {
	case t.is("|"):
		return errorAt(t.at, "template filters are not supported")
	case t.is("["):
		return errorAt(t.at, "template lists and indexes are not supported")
	case t.kind == tokenSymbol && strings.ContainsAny(t.text, "+-*/%~<>"),
		t.kind == tokenName && slices.Contains([]string{"in", "is"}, t.text):
		return errorAt(t.at, "the template operator %q is not supported", t.text)
	}
	return errorAt(t.at, "expected %s, found %v", wanted, t)
}
