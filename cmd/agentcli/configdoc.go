package agentcli

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document is one configuration file, rendered and read as TOML.
type document struct {
	path   string
	out    rendered
	tables map[string]any
	places map[string]int // by key: the offset of its value in the rendered text
}

// readTOML fills in what the rendered text holds. Its error is at an offset of
// the source.
func (d *document) readTOML() error {
	if err := decodeTOML(d.out, &d.tables); err != nil {
		return err
	}
	d.places = placesOf(d.out.text)
	return nil
}

// decodeTOML turns the library's errors into one at an offset of the source.
func decodeTOML(r rendered, into any) error {
	err := toml.Unmarshal([]byte(r.text), into)
	var wrong *toml.DecodeError
	if !errors.As(err, &wrong) {
		return err
	}
	return errorAt(r.sourceOf(wrong), "%s", strings.TrimPrefix(wrong.Error(), "toml: "))
}

func (r rendered) sourceOf(e *toml.DecodeError) int {
	line, column := e.Position()
	offset := 0
	for ; line > 1; line-- {
		offset += strings.IndexByte(r.text[offset:], '\n') + 1
	}
	return r.source(offset + column - 1)
}

// problem is text at the value of a key, or at the table that it stands in.
func (d *document) problem(key, text string) problem {
	p := problem{File: d.path, Text: text}
	p.Line, p.Column = d.position(key)
	return p
}

func (d *document) position(key string) (line, column int) {
	for at, known := d.places[key]; ; at, known = d.places[key] {
		if known {
			return position(d.out.src, d.out.source(at))
		}
		last := strings.LastIndexAny(key, ".[")
		if last < 0 {
			return 0, 0
		}
		key = key[:last]
	}
}

// failed is err at its place.
func (d *document) failed(err error) problem {
	p := problem{File: d.path, Text: oneLine(err), cause: err}
	if at, ok := errors.AsType[*templateError](err); ok {
		p.Text = at.msg
		p.Line, p.Column = position(d.out.src, at.at)
	}
	return p
}

func position(src string, offset int) (line, column int) {
	before := src[:min(offset, len(src))]
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndexByte(before, '\n')
}

// placesOf finds where the keys of a valid document have their values, and
// tables their headers.
func placesOf(text string) map[string]int {
	places := map[string]int{}
	parser := &unstable.Parser{}
	parser.Reset([]byte(text))
	var table []string
	for parser.NextExpression() {
		e := parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = nil
			table = notePath(places, table, e.Key())
		case unstable.KeyValue:
			noteValue(places, table, e)
		default: // a comment
		}
	}
	return places
}

// notePath notes the tables that a key goes through, at the first place each.
func notePath(places map[string]int, parent []string, key unstable.Iterator) []string {
	path := slices.Clip(parent)
	for key.Next() {
		n := key.Node()
		path = append(path, string(n.Data))
		if name := strings.Join(path, "."); !noted(places, name) {
			places[name] = int(n.Raw.Offset)
		}
	}
	return path
}

func noted(places map[string]int, name string) bool {
	_, known := places[name]
	return known
}

func noteValue(places map[string]int, table []string, e *unstable.Node) {
	path := notePath(places, table, e.Key())
	value := e.Value()
	if value.Raw.Length > 0 {
		places[strings.Join(path, ".")] = int(value.Raw.Offset)
	}
	for inner, i := value.Children(), 0; inner.Next(); i++ {
		switch n := inner.Node(); {
		case value.Kind == unstable.InlineTable:
			noteValue(places, path, n)
		case n.Raw.Length > 0:
			places[element(strings.Join(path, "."), i)] = int(n.Raw.Offset)
		}
	}
}

// element names an entry of a list.
func element(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }
