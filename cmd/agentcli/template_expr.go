package agentcli

import (
	"strconv"
	"strings"
)

// value is what an expression yields: its text, and whether a condition takes
// it for true.
type value struct {
	text  string
	truth bool
	kind  valueKind
}

type valueKind int

const (
	valueText valueKind = iota
	valueNumber
	valueBool
)

func textValue(s string) value { return value{text: s, truth: s != ""} }

func numberValue(s string) value {
	return value{text: s, truth: strings.Trim(s, "-0.") != "", kind: valueNumber}
}

func boolValue(b bool) value {
	return value{text: strconv.FormatBool(b), truth: b, kind: valueBool}
}

type expression interface {
	eval(s *scope) (value, error)
}

type (
	constant  struct{ value value }
	variable  struct{ name token }
	negation  struct{ operand expression }
	operation struct {
		operator    string // == != and or
		at          int
		left, right expression
	}
	call struct {
		function token
		args     map[string]expression
	}
)

// expression = disjunction; or binds weakest, then and, not, == and !=, filters.
func (p *parser) expression() (expression, error) {
	return p.binary(p.conjunction, "or")
}

func (p *parser) conjunction() (expression, error) {
	return p.binary(p.inversion, "and")
}

func (p *parser) comparison() (expression, error) {
	return p.binary(p.operand, "==", "!=")
}

func (p *parser) binary(operand func() (expression, error), operators ...string) (expression, error) {
	left, err := operand()
	for err == nil {
		t, peekErr := p.peek()
		if peekErr != nil {
			return nil, peekErr
		}
		if !anyOf(t, operators) {
			return left, nil
		}
		_, _ = p.next() // the operator just peeked at
		var right expression
		right, err = operand()
		left = operation{operator: t.text, at: t.at, left: left, right: right}
	}
	return nil, err
}

func anyOf(t token, operators []string) bool {
	for _, operator := range operators {
		if t.is(operator) || t.named(operator) {
			return true
		}
	}
	return false
}

func (p *parser) inversion() (expression, error) {
	inverted := false
	for {
		t, err := p.peek()
		if err != nil {
			return nil, err
		}
		if !t.named("not") {
			break
		}
		_, _ = p.next() // the "not" just peeked at
		inverted = !inverted
	}
	operand, err := p.comparison()
	if err != nil || !inverted {
		return operand, err
	}
	return negation{operand: operand}, nil
}

func (p *parser) operand() (expression, error) {
	unfiltered, err := p.unfiltered()
	if err != nil {
		return nil, err
	}
	return p.filters(unfiltered)
}

func (p *parser) unfiltered() (expression, error) {
	t, err := p.next()
	if err != nil {
		return nil, err
	}
	if err := p.enter(t.at); err != nil {
		return nil, err
	}
	defer p.leave()
	switch {
	case t.kind == tokenString:
		return constant{textValue(t.text)}, nil
	case t.kind == tokenNumber:
		return constant{numberValue(t.text)}, nil
	case t.named("true"), t.named("false"):
		return constant{boolValue(t.text == "true")}, nil
	case t.kind == tokenName:
		return p.reference(t)
	case t.is("("):
		return p.group()
	}
	return nil, p.unexpected(t, "a value")
}

func (p *parser) group() (expression, error) {
	inner, err := p.expression()
	if err != nil {
		return nil, err
	}
	return inner, p.expect(")")
}

func (p *parser) expect(symbol string) error {
	t, err := p.next()
	if err == nil && !t.is(symbol) {
		err = p.unexpected(t, symbol)
	}
	return err
}

func (p *parser) reference(name token) (expression, error) {
	t, err := p.peek()
	if err != nil {
		return nil, err
	}
	if !t.is("(") {
		return variable{name: name}, nil
	}
	_, _ = p.next() // the parenthesis just peeked at
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return call{function: name, args: args}, checkCall(name, args)
}

func (p *parser) arguments() (map[string]expression, error) {
	args := map[string]expression{}
	for {
		name, err := p.next()
		if err != nil || name.is(")") {
			return args, err
		}
		if name.kind != tokenName {
			return nil, p.unexpected(name, "an argument written name=value")
		}
		if _, twice := args[name.text]; twice {
			return nil, errorAt(name.at, "argument %q is given twice", name.text)
		}
		if err := p.expect("="); err != nil {
			return nil, err
		}
		if args[name.text], err = p.expression(); err != nil {
			return nil, err
		}
		separator, err := p.next()
		if err != nil || separator.is(")") {
			return args, err
		}
		if !separator.is(",") {
			return nil, p.unexpected(separator, "a comma or )")
		}
	}
}

// functions lists the known functions with the arguments each may take.
var functions = map[string][]string{
	"env": {"name", "default"}, "home": nil, "is_windows": nil, "is_linux": nil, "is_mac": nil,
}

func checkCall(function token, args map[string]expression) error {
	known, ok := functions[function.text]
	if !ok {
		return errorAt(function.at, "the template function %s() is not supported", function.text)
	}
	for name := range args {
		if !anyOf(token{kind: tokenName, text: name}, known) {
			return errorAt(function.at, "%s() has no argument %q", function.text, name)
		}
	}
	if _, named := args["name"]; function.text == "env" && !named {
		return errorAt(function.at, "env() needs an argument name")
	}
	return nil
}
