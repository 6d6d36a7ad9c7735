package agentcli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// configFile is agent.toml with what it includes: the keys that fleets' files
// hold, and our additions. Unknown keys are ignored, known ones must have the
// right type.
type configFile struct {
	path      string
	documents []*document // the included before those that include them
	values    map[string][]configValue
	mistyped  map[string]bool // keys and tables of the wrong type
}

// configValue is what one document says of a key. Of a list each document adds
// its entries, of everything else the last one counts.
type configValue struct {
	texts []string
	from  *document
}

// configTables are those that mean something here. The fleet's other agents ignore
// the ones that they do not know, as this one does.
var configTables = []string{"agent", "log", "tls", "update", "klp", "scripts", "metrics"}

// keyKinds are the keys that mean something, with what they take.
var keyKinds = func() map[string]string {
	kinds := map[string]string{"agent.groups": kindTexts, "agent.servers": kindTexts}
	for _, table := range configTables {
		kinds[table] = kindTable
	}
	for _, s := range allSettings() {
		if s.key != "" {
			kinds[s.key] = cmp.Or(s.kind, kindText)
		}
	}
	return kinds
}()

const (
	kindTable  = "a table"
	kindTexts  = "a list of strings"
	kindNumber = "an integer"
	kindText   = "a string"
	kindBool   = "true or false"
	kindSize   = "a string such as '512MiB', or an integer"
)

// readConfigFile reads a file and what it includes. The problems have their
// places; those that are not warnings leave nothing to work with.
func readConfigFile(path string, s scope) (*configFile, problems) {
	set, found := readConfigSet(path, s, func(name string) (string, error) {
		if err := regular(name); err != nil {
			return "", err
		}
		return readBounded(name, maxConfigBytes)
	})
	if len(found) > 0 {
		return nil, found
	}
	f := &configFile{path: path, documents: set.documents, values: map[string][]configValue{}, mistyped: map[string]bool{}}
	for _, d := range f.documents {
		found = append(found, f.take(d)...)
	}
	return f, found.ordered(f.paths()...)
}

// regular refuses what is there and no file: a pipe waits for its writer for ever, and
// what came out of it once is not there when the configuration is read again.
func regular(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", visible(path))
	}
	return nil
}

func readBounded(path string, limit int) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return "", err
	}
	if len(data) > limit {
		return "", fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return string(data), nil
}

// take adds what a document says, and finds typing errors: keys in our own
// tables that have no meaning.
func (f *configFile) take(d *document) (found problems) {
	found = d.unknownTables()
	for _, table := range configTables {
		value, given := d.tables[table]
		if !given {
			continue
		}
		entries, isTable := value.(map[string]any)
		if !isTable {
			f.mistyped[table] = true
			found = append(found, d.mistyped(table, value))
			continue
		}
		f.values[table] = append(f.values[table], configValue{from: d})
		for name, value := range entries {
			found = append(found, f.takeKey(d, table+"."+name, value)...)
		}
	}
	return found
}

func (f *configFile) takeKey(d *document, key string, value any) problems {
	if keyKinds[key] == "" {
		return problems{d.unknown(key, "key", "unknown key "+key+" is ignored")}
	}
	texts, ok := textsOf(keyKinds[key], value)
	if !ok {
		f.mistyped[key] = true
		return problems{d.mistyped(key, value)}
	}
	f.values[key] = append(f.values[key], configValue{texts: texts, from: d})
	return nil
}

// mistyped says in plain words what a key takes. In a list it is the entry that
// has the wrong type.
func (d *document) mistyped(key string, value any) problem {
	at := key
	if list, isList := value.([]any); isList && keyKinds[key] == kindTexts {
		i := slices.IndexFunc(list, func(v any) bool { return typeName(v) != "string" })
		at, value = element(key, i), list[i]
	}
	return d.problem(at, key+" must be "+keyKinds[key]+", not of type "+typeName(value))
}

func textsOf(kind string, value any) ([]string, bool) {
	switch v := value.(type) {
	case string:
		return []string{v}, kind == kindText || kind == kindSize
	case int64:
		return []string{strconv.FormatInt(v, 10)}, kind == kindNumber || kind == kindSize
	case bool:
		return []string{strconv.FormatBool(v)}, kind == kindBool
	case []any:
		texts := []string{}
		for _, entry := range v {
			text, isText := entry.(string)
			if !isText {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, kind == kindTexts
	}
	return nil, false
}

// typeName is TOML's name for a value's type.
func typeName(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case int64:
		return "integer"
	case float64:
		return "float"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "table"
	case time.Time:
		return "datetime"
	}
	return "date or time"
}

// get returns what the file says of a key, nil if nothing.
func (f *configFile) get(key string) []string {
	values := f.values[key]
	if len(values) == 0 {
		return nil
	}
	if keyKinds[key] != kindTexts {
		return values[len(values)-1].texts
	}
	var all []string
	for _, v := range values {
		all = append(all, v.texts...)
	}
	return all
}

// lacks reports whether a key or table is not there, not even with a wrong type.
func (f *configFile) lacks(key string) bool { return len(f.values[key]) == 0 && !f.mistyped[key] }

// problem is text at the place where the value that counts stands.
func (f *configFile) problem(key, text string) problem {
	values := f.values[key]
	if len(values) == 0 {
		return problem{File: f.path, Text: text}
	}
	return values[len(values)-1].from.problem(key, text)
}

// origin is file:line, of each document that has a part in the value.
func (f *configFile) origin(keys ...string) string {
	var places []string
	for _, key := range keys {
		values := f.values[key]
		if keyKinds[key] != kindTexts && len(values) > 1 {
			values = values[len(values)-1:]
		}
		for _, v := range values {
			line, _ := v.from.position(key)
			places = append(places, v.from.path+":"+strconv.Itoa(line))
		}
	}
	return strings.Join(places, ", ")
}

// paths are all files, the one that was asked for first.
func (f *configFile) paths() []string {
	var paths []string
	for _, d := range slices.Backward(f.documents) {
		paths = append(paths, d.path)
	}
	return paths
}
