package inventory

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Bounds of a property list: how deep it is nested, and how many values it has,
// those counted again that are in it several times.
const (
	maxPlistDepth  = 64
	maxPlistValues = 500_000
)

var errPlist = errors.New("the property list is damaged")

// dict is a dictionary of a property list. Values are dict, []any, string, int64,
// float64, bool, []byte and time.Time.
type dict map[string]any

func (d dict) text(key string) string {
	s, _ := d[key].(string)
	return clean(s)
}

func (d dict) number(key string) int64 {
	n, _ := d[key].(int64)
	return n
}

func (d dict) yes(key string) bool {
	b, _ := d[key].(bool)
	return b
}

func (d dict) time(key string) *time.Time {
	at, _ := d[key].(time.Time)
	return moment(at)
}

func (d dict) list(key string) []any {
	l, _ := d[key].([]any)
	return l
}

// plist reads a property list, as XML or binary: its value.
func plist(data []byte) (any, error) {
	if bytes.HasPrefix(data, []byte("bplist00")) {
		return binaryPlist(data)
	}
	return xmlPlist(data)
}

// plistDict reads one whose value is a dictionary, as it is nearly always.
func plistDict(data []byte) (dict, error) {
	value, err := plist(data)
	if err != nil {
		return nil, err
	}
	d, ok := value.(dict)
	if !ok {
		return nil, fmt.Errorf("%w: it is no dictionary", errPlist)
	}
	return d, nil
}

// xmlReader reads the elements of Apple's PropertyList-1.0.dtd.
type xmlReader struct {
	*xml.Decoder
	left int
}

func xmlPlist(data []byte) (any, error) {
	r := &xmlReader{xml.NewDecoder(bytes.NewReader(data)), maxPlistValues}
	for {
		start, err := r.next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errPlist, err)
		case start == nil:
			return nil, fmt.Errorf("%w: it is empty", errPlist)
		case start.Name.Local == "plist":
			continue
		}
		value, err := r.value(*start, 0)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errPlist, err)
		}
		return value, nil
	}
}

// next is the element that begins, or nil at the end of the one around it.
func (r *xmlReader) next() (*xml.StartElement, error) {
	for {
		token, err := r.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil // the end is no error
		}
	}
}

func (r *xmlReader) value(start xml.StartElement, depth int) (any, error) {
	if r.left--; r.left < 0 || depth > maxPlistDepth {
		return nil, errors.New("too large")
	}
	switch start.Name.Local {
	case "dict":
		return r.dict(depth)
	case "array":
		return r.array(depth)
	}
	var text string
	if err := r.DecodeElement(&text, &start); err != nil {
		return nil, err
	}
	return scalar(start.Name.Local, text)
}

func scalar(kind, text string) (any, error) {
	trimmed := strings.TrimSpace(text)
	switch kind {
	case "string":
		return text, nil
	case "integer":
		return strconv.ParseInt(trimmed, 0, 64)
	case "real":
		return strconv.ParseFloat(trimmed, 64)
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "date":
		return time.Parse(time.RFC3339, trimmed)
	case "data":
		return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	}
	return nil, fmt.Errorf("an element %q", kind)
}

func (r *xmlReader) dict(depth int) (dict, error) {
	d := make(dict)
	for {
		start, err := r.next()
		if err != nil || start == nil {
			return d, err
		}
		var key string
		if err := r.DecodeElement(&key, start); err != nil {
			return nil, err
		}
		value, err := r.next()
		if err != nil || value == nil {
			return nil, fmt.Errorf("no value for the key %q: %w", key, errors.Join(err, io.ErrUnexpectedEOF))
		}
		if d[key], err = r.value(*value, depth+1); err != nil {
			return nil, err
		}
	}
}

func (r *xmlReader) array(depth int) ([]any, error) {
	var all []any
	for {
		start, err := r.next()
		if err != nil || start == nil {
			return all, err
		}
		value, err := r.value(*start, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
}
