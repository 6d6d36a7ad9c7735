package agentcli

import (
	"fmt"
	"strings"
)

// scope is what a template can see.
type scope struct {
	system    map[string]func() (string, error) // os, arch, user, host, cwd
	home      func() (string, error)
	lookupEnv func(string) (string, bool)
	vars      map[string]any // the file's own [vars] table, as far as it is known
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
	switch o.operator {
	case "==":
		return boolValue(left.text == right.text), err
	case "!=":
		return boolValue(left.text != right.text), err
	}
	return boolValue(right.truth), err
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
	var found any = vars
	for part := range strings.SplitSeq(path, ".") {
		table, _ := found.(map[string]any)
		if found = table[part]; found == nil {
			return value{}, &undefinedVar{errorAt(v.name.at, "undefined variable %s (missing, or made from itself)", v.name.text)}
		}
	}
	switch found := found.(type) {
	case bool:
		return boolValue(found), nil
	case map[string]any, []any:
		return value{}, errorAt(v.name.at, "%s is a table or a list, not a value", v.name.text)
	default:
		return textValue(fmt.Sprint(found)), nil
	}
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
