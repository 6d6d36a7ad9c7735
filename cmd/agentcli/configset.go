package agentcli

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxIncludeDepth bounds how deep files may include one another, maxFiles how
	// many there may be in all. maxConfigBytes bounds each, and all together.
	maxIncludeDepth = 10
	maxFiles        = 100
)

// configSet is a configuration file with everything that it includes. All of
// them see the same [vars], whichever file names them.
type configSet struct {
	scope scope
	read  func(path string) (string, error)

	templates map[string]template
	sizes     int

	// of the last pass:
	documents []*document // the included before those that include them
	problems  problems
	pending   problems // variables that are not known
	vars      map[string]any
}

// readConfigSet reads, renders and decodes path and what it includes. The
// problems are all that were found, each with its place.
func readConfigSet(path string, s scope, read func(string) (string, error)) (*configSet, problems) {
	c := &configSet{scope: s, read: read, templates: map[string]template{}}
	c.scope.vars = map[string]any{}
	var before []string
	for range maxPasses {
		c.pass(path)
		files := c.files()
		switch {
		case len(c.problems) > 0, reflect.DeepEqual(c.vars, c.scope.vars) && slices.Equal(files, before):
			return c, append(c.problems, c.pending...).ordered(path)
		case len(c.pending) == 0 && len(c.documents) == 1 && !c.scope.guessed:
			return c, nil // nothing was made from anything
		}
		c.scope.vars, before = c.vars, files
	}
	return c, problems{{File: path, Line: 1, Column: 1, Text: fmt.Sprintf("[vars] did not settle in %d passes", maxPasses)}}
}

// pass renders everything once with what is known of [vars].
func (c *configSet) pass(path string) {
	c.documents, c.problems, c.pending, c.vars = nil, nil, nil, map[string]any{}
	w := walk{configSet: c, seen: map[string]bool{}}
	if err := w.visit(path); err != nil {
		c.problems = append(c.problems, problemOf(fmt.Errorf("config file: %w", err)))
	}
}

// files are their paths, the one that was started with first.
func (c *configSet) files() []string {
	var paths []string
	for _, d := range slices.Backward(c.documents) {
		paths = append(paths, d.path)
	}
	return paths
}

// walk is one way through the files.
type walk struct {
	*configSet
	stack []string // the files that include one another, down to here
	seen  map[string]bool
}

// visit takes a file and, before it, those that it includes. The error is that
// it cannot be read at all.
func (w *walk) visit(path string) error {
	t, faults, err := w.template(path)
	if err != nil {
		return err
	}
	w.stack = append(w.stack, path)
	w.seen[identity(path)] = true
	d := &document{path: path, out: rendered{src: t.src}}
	for _, fault := range faults {
		w.problems = append(w.problems, d.failed(fault))
	}
	if d.out = w.render(d, t); len(faults) == 0 && d.out.faults == nil {
		w.decode(d)
	}
	for _, name := range d.includes(w.configSet) {
		w.include(d, name)
	}
	w.documents = append(w.documents, d)
	mergeVars(w.vars, d.tables["vars"])
	w.stack = w.stack[:len(w.stack)-1]
	return nil
}

// template reads a file once.
func (c *configSet) template(path string) (template, []error, error) {
	if t, known := c.templates[path]; known {
		return t, nil, nil // one with faults ends the passes
	}
	src, err := c.read(path)
	if err != nil {
		return template{}, nil, err
	}
	if c.sizes += len(src); c.sizes > maxConfigBytes {
		return template{}, nil, fmt.Errorf("%s: the files are larger than %d bytes together", path, maxConfigBytes)
	}
	src = strings.TrimPrefix(src, "\ufeff") // some Windows editors write one
	if !utf8.ValidString(src) {
		return template{src: src}, []error{errorAt(firstInvalid(src), "not UTF-8 text")}, nil
	}
	t, faults := parseTemplate(src)
	c.templates[path] = t
	return t, faults, nil
}

func firstInvalid(src string) int {
	for i, r := range src {
		if r == utf8.RuneError && !strings.HasPrefix(src[i:], "\ufffd") {
			return i
		}
	}
	return len(src)
}

func (w *walk) render(d *document, t template) rendered {
	out := t.render(&w.scope)
	d.out = out
	for _, fault := range out.faults {
		w.problems = append(w.problems, d.failed(fault))
	}
	for _, unknown := range out.pending {
		w.pending = append(w.pending, d.failed(unknown))
	}
	return out
}

func (w *walk) decode(d *document) {
	if err := d.readTOML(); err != nil {
		w.problems = append(w.problems, d.failed(d.out.likelier(err)))
	}
}

// included is a file that another one names, and where.
type included struct{ name, key string }

// includes are the files that a document names. One whose name is not known yet
// is for a later pass.
func (d *document) includes(c *configSet) []included {
	teravars, _ := d.tables["teravars"].(map[string]any)
	ofRoot, inRoot := d.tables["include"]
	ofTable, inTable := teravars["include"]
	switch {
	case inRoot && inTable:
		c.problems = append(c.problems, d.problem("teravars.include", "include stands both at the top and in [teravars]; give one of them"))
	case inRoot:
		return d.names(c, "include", ofRoot)
	case inTable:
		return d.names(c, "teravars.include", ofTable)
	}
	return nil
}

func (d *document) names(c *configSet, key string, value any) []included {
	list, isList := value.([]any)
	if !isList {
		c.problems = append(c.problems, d.problem(key, "include must be a list of strings, not of type "+typeName(value)))
		return nil
	}
	var all []included
	for i, entry := range list {
		at := element(key, i)
		name, isString := entry.(string)
		switch {
		case !isString || name == "":
			c.problems = append(c.problems, d.problem(at, "include must be a list of strings, the names of files"))
		case !strings.Contains(name, unknown):
			all = append(all, included{name: name, key: at})
		}
	}
	return all
}

func (w *walk) include(by *document, in included) {
	path := filepath.FromSlash(in.name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(by.path), path)
	}
	if err := w.enter(path); err != nil {
		p := by.problem(in.key, "include: "+oneLine(err))
		p.cause = err
		w.problems = append(w.problems, p)
	}
}

func (w *walk) enter(path string) error {
	id := identity(path)
	for i, above := range w.stack {
		if identity(above) == id {
			return errors.New("a cycle: " + strings.Join(append(slices.Clone(w.stack[i:]), path), " includes "))
		}
	}
	switch {
	case w.seen[id]:
		return fmt.Errorf("%s is included twice", path)
	case len(w.stack) > maxIncludeDepth:
		return fmt.Errorf("%s: more than %d deep", path, maxIncludeDepth)
	case len(w.seen) >= maxFiles:
		return fmt.Errorf("%s: more than %d files", path, maxFiles)
	}
	return w.visit(path)
}

// identity is the same for two names of one file.
func identity(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return path
}

// mergeVars puts what a file says of [vars] over what the files that it includes
// say. What still depends on an unknown variable is unknown itself.
func mergeVars(into map[string]any, table any) {
	entries, _ := table.(map[string]any)
	for name, v := range entries {
		inner, isTable := v.(map[string]any)
		below, wasTable := into[name].(map[string]any)
		switch {
		case isTable:
			if !wasTable {
				below = map[string]any{}
			}
			into[name] = below
			mergeVars(below, inner)
		case strings.Contains(fmt.Sprint(name, v), unknown):
			delete(into, name)
		default:
			into[name] = v
		}
	}
}
