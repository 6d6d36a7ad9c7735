package agentcli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// scope is what a template can see.
type scope struct {
	system    map[string]func() (string, error) // os, arch, user, host, cwd
	home      func() (string, error)
	lookupEnv func(string) (string, bool)
	vars      map[string]any // the file's own [vars] table, as far as it is known
	guessed   bool           // a default stood for a variable that is not known, perhaps not yet
}

// undefinedVar says that a name below vars is not known, or not known yet.
type undefinedVar struct{ *templateError }

func (e *undefinedVar) Unwrap() error { return e.templateError }

func (c constant) eval(*scope) (value, error) { return c.value, nil }

func (n negation) eval(s *scope) (value, error) {
	v, err := n.operand.eval(s)
	return boolValue(!v.truth), err
}

func (o operation) eval(s *scope) (value, error) {
	left, err := o.left.eval(s)
	if err != nil {
		return value{}, err
	}
	switch {
	case o.operator == "and" && !left.truth:
		return boolValue(false), nil
	case o.operator == "or" && left.truth:
		return boolValue(true), nil
	}
	right, err := o.right.eval(s)
	if err != nil || o.operator == "and" || o.operator == "or" {
		return boolValue(right.truth), err
	}
	equal, err := o.equal(left, right)
	return boolValue(equal == (o.operator == "==")), err
}

// equal takes numbers by what they count. A number beside something else would be a
// silent no in the fleet's other agents, for == and for != alike.
func (o operation) equal(left, right value) (bool, error) {
	switch {
	case left.kind != right.kind && (left.kind == valueNumber || right.kind == valueNumber):
		return false, errorAt(o.at, "%q and %q cannot be compared: one of them is a number", left.text, right.text)
	case left.kind != valueNumber:
		return left.kind == right.kind && left.text == right.text, nil
	}
	x, errX := strconv.ParseFloat(left.text, 64)
	y, errY := strconv.ParseFloat(right.text, 64)
	if errX != nil || errY != nil {
		return false, errorAt(o.at, "%q and %q cannot be compared: not both are numbers", left.text, right.text)
	}
	return x == y, nil
}

// known says whether there is such a variable.
func (v variable) known(s *scope) bool {
	root, rest, _ := strings.Cut(v.name.text, ".")
	if root == "system" {
		return s.system[rest] != nil
	}
	return root == "vars" && entry(s.vars, rest) != nil
}

func (v variable) eval(s *scope) (value, error) {
	root, rest, _ := strings.Cut(v.name.text, ".")
	switch root {
	case "system":
		if fact, ok := s.system[rest]; ok {
			return v.fact(fact)
		}
	case "vars":
		return v.own(s.vars, rest)
	}
	return value{}, errorAt(v.name.at, "undefined variable %s", v.name.text)
}

func (v variable) fact(fact func() (string, error)) (value, error) {
	text, err := fact()
	if err != nil {
		return value{}, errorAt(v.name.at, "%s: %v", v.name.text, err)
	}
	return textValue(text), nil
}

func (v variable) own(vars map[string]any, path string) (value, error) {
	switch found := entry(vars, path).(type) {
	case nil:
		return value{}, &undefinedVar{errorAt(v.name.at, "undefined variable %s (missing, or made from itself)", v.name.text)}
	case bool:
		return boolValue(found), nil
	case int64:
		return numberValue(strconv.FormatInt(found, 10)), nil
	case float64:
		return floatValue(v.name, found)
	case map[string]any, []any:
		return value{}, errorAt(v.name.at, "%s is a table or a list, not a value", v.name.text)
	default:
		return textValue(fmt.Sprint(found)), nil
	}
}

// entry is what stands in tables at a path of names, nil if nothing does.
func entry(vars map[string]any, path string) any {
	var found any = vars
	for part := range strings.SplitSeq(path, ".") {
		table, _ := found.(map[string]any)
		if found = table[part]; found == nil {
			return nil
		}
	}
	return found
}

// floatValue keeps a number with a fraction one: 1.0 stays 1.0.
func floatValue(name token, f float64) (value, error) {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		return value{}, errorAt(name.at, "%s is no number that can be written", name.text)
	case !strings.Contains(text, "."):
		text += ".0"
	}
	return numberValue(text), nil
}

func (c call) eval(s *scope) (value, error) {
	switch c.function.text {
	case "env":
		return c.env(s)
	case "home":
		return variable{name: c.function}.fact(s.home)
	}
	os, err := s.system["os"]()
	wanted := map[string]string{"is_windows": "windows", "is_linux": "linux", "is_mac": "macos"}
	return boolValue(os == wanted[c.function.text]), err
}

func (c call) env(s *scope) (value, error) {
	name, err := c.args["name"].eval(s)
	if err != nil {
		return value{}, err
	}
	if set, ok := s.lookupEnv(name.text); ok {
		return textValue(set), nil
	}
	if fallback, ok := c.args["default"]; ok {
		return fallback.eval(s)
	}
	return value{}, errorAt(c.function.at, "environment variable %q is not set and env() has no default", name.text)
}
