package agentcli

import (
	"fmt"
	"hash/fnv"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
)

// filtered is operand | filter(name=value, …).
type filtered struct {
	operand expression
	filter  token
	args    map[string]expression
}

// filter is what a name behind a | does. It has every argument of args, and no other.
type filter struct {
	args  []string
	apply func(v value, args map[string]value) (value, error)
}

// maxReplaced is how long a text may get by replacing, in bytes.
const maxReplaced = 64 << 10

// filters are those that the fleet's files name their hosts and ports with. The
// others of Tera are errors.
var filters = map[string]filter{
	"default":     {args: []string{"value"}, apply: asItIs},
	"hash":        {apply: ofText(func(text string, _ map[string]value) (value, error) { return hashed(text), nil })},
	"lower":       {apply: ofText(lowered)},
	"port_offset": {args: []string{"start", "range"}, apply: portOffset},
	"replace":     {args: []string{"from", "to"}, apply: ofText(replaced)},
	"trim":        {apply: ofText(func(text string, _ map[string]value) (value, error) { return textValue(strings.TrimSpace(text)), nil })},
	"upper":       {apply: ofText(raised)},
}

// filters reads those that follow an operand.
func (p *parser) filters(operand expression) (expression, error) {
	for {
		pipe, err := p.peek()
		if err != nil || !pipe.is("|") {
			return operand, err
		}
		if err := p.enter(pipe.at); err != nil {
			return nil, err
		}
		defer p.leave()
		_, _ = p.next() // the | just peeked at
		if operand, err = p.filter(pipe, operand); err != nil {
			return nil, err
		}
	}
}

func (p *parser) filter(pipe token, operand expression) (expression, error) {
	name, err := p.next()
	if err != nil {
		return nil, err
	}
	if name.kind != tokenName {
		return nil, p.unexpected(name, "the name of a filter")
	}
	wanted, supported := filters[name.text]
	if !supported {
		return nil, errorAt(pipe.at, "the template filter %q is not supported", name.text)
	}
	args := map[string]expression{}
	if open, err := p.peek(); err == nil && open.is("(") {
		_, _ = p.next() // the parenthesis just peeked at
		if args, err = p.arguments(); err != nil {
			return nil, err
		}
	}
	return filtered{operand: operand, filter: name, args: args}, wanted.check(name, args)
}

func (f filter) check(name token, args map[string]expression) error {
	for _, needed := range f.args {
		if _, given := args[needed]; !given {
			return errorAt(name.at, "the filter %s needs an argument %s", name.text, needed)
		}
	}
	for given := range args {
		if !anyOf(token{kind: tokenName, text: given}, f.args) {
			return errorAt(name.at, "the filter %s has no argument %q", name.text, given)
		}
	}
	return nil
}

func (f filtered) eval(s *scope) (value, error) {
	if v, isVariable := f.operand.(variable); isVariable && f.filter.text == "default" && !v.known(s) {
		s.guessed = true
		return f.args["value"].eval(s)
	}
	v, err := f.operand.eval(s)
	if err != nil {
		return value{}, err
	}
	args := map[string]value{}
	for name, arg := range f.args {
		if args[name], err = arg.eval(s); err != nil {
			return value{}, err
		}
	}
	if v, err = filters[f.filter.text].apply(v, args); err != nil {
		return value{}, errorAt(f.filter.at, "the filter %s %v", f.filter.text, err)
	}
	return v, nil
}

// asItIs is what default does with a value that is there.
func asItIs(v value, _ map[string]value) (value, error) { return v, nil }

func ofText(apply func(string, map[string]value) (value, error)) func(value, map[string]value) (value, error) {
	return func(v value, args map[string]value) (value, error) {
		if v.kind != valueText {
			return value{}, fmt.Errorf("takes a text, not %s", v.text)
		}
		return apply(v.text, args)
	}
}

func lowered(text string, _ map[string]value) (value, error) {
	return textValue(strings.ToLower(text)), plainCase(text)
}

func raised(text string, _ map[string]value) (value, error) {
	return textValue(strings.ToUpper(text)), plainCase(text)
}

// plainCase refuses letters whose other case is not the same in every program: a
// host would have another name than it had.
func plainCase(text string) error {
	for _, r := range text {
		cased := unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt) || unicode.ToLower(r) != r || unicode.ToUpper(r) != r
		if r > unicode.MaxASCII && cased {
			return fmt.Errorf("is for ASCII letters, and those without capitals; not for %q", r)
		}
	}
	return nil
}

func replaced(text string, args map[string]value) (value, error) {
	from, to := args["from"], args["to"]
	if from.kind != valueText || to.kind != valueText {
		return value{}, fmt.Errorf("takes texts, not %s and %s", from.text, to.text)
	}
	if grown := len(text) + strings.Count(text, from.text)*len(to.text); grown > maxReplaced {
		return value{}, fmt.Errorf("makes more than %d bytes", maxReplaced)
	}
	return textValue(strings.ReplaceAll(text, from.text, to.text)), nil
}

// hashed is the text's FNV-1a of 64 bits.
func hashed(text string) value {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return numberValue(strconv.FormatUint(h.Sum64(), 10))
}

// portOffset is v modulo range, plus start.
func portOffset(v value, args map[string]value) (value, error) {
	var numbers [3]uint64
	for i, one := range [...]value{v, args["start"], args["range"]} {
		n, err := strconv.ParseUint(one.text, 10, 64)
		if err != nil || one.kind != valueNumber {
			return value{}, fmt.Errorf("takes whole numbers, not %q", one.text)
		}
		numbers[i] = n
	}
	if numbers[2] == 0 {
		return value{}, fmt.Errorf("needs a range above 0")
	}
	sum, carry := bits.Add64(numbers[0]%numbers[2], numbers[1], 0)
	if carry != 0 {
		return value{}, fmt.Errorf("makes a number that is too large")
	}
	return numberValue(strconv.FormatUint(sum, 10)), nil
}
