package agentcli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// inventoryPage is a host for people: each section a list of its facts, and a
// table for each of its lists. What is not known is left out.
type inventoryPage struct{ text bytes.Buffer }

// inventoryTitles are what the sections are called for people.
var inventoryTitles = map[string]string{
	facts.SectionOS: "SYSTEM", facts.SectionHardware: "HARDWARE", facts.SectionStorage: "STORAGE", facts.SectionNetwork: "NETWORK",
	facts.SectionSoftware: "SOFTWARE", facts.SectionUpdates: "UPDATES", facts.SectionServices: "SERVICES",
	facts.SectionAccounts: "ACCOUNTS", facts.SectionSecurity: "SECURITY",
}

func (p inventoryPage) print(out io.Writer, host facts.Host) error {
	fmt.Fprintf(&p.text, "%s, at %s\n", visible(host.Hostname), host.Collected.UTC().Format(time.RFC3339))
	for _, name := range facts.Sections() {
		if section := host.Section(name); section != nil {
			p.section(inventoryTitles[name]+" ("+name+")", reflect.ValueOf(section).Elem())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(host.Extra)) {
		p.extra(name, host.Extra[name])
	}
	p.list("NOT FOUND OUT", reflect.ValueOf(host.Problems))
	_, err := out.Write(p.text.Bytes())
	return err
}

func (p *inventoryPage) section(title string, v reflect.Value) {
	fmt.Fprintf(&p.text, "\n%s\n", title)
	var lists []inventoryFact
	var rows [][]string
	for _, f := range factsOf(v, "") {
		if isTable(f.value) {
			lists = append(lists, f)
		} else {
			rows = append(rows, []string{heading(f.name), shown(f)})
		}
	}
	if len(rows)+len(lists) == 0 {
		rows = [][]string{{"nothing is known"}}
	}
	p.aligned(rows)
	for _, list := range lists {
		p.list(strings.ToUpper(list.name), list.value)
	}
}

// extra is a section that this program does not know.
func (p *inventoryPage) extra(name string, value any) {
	data, err := json.MarshalIndent(value, "  ", "  ")
	if err != nil {
		data = []byte(err.Error())
	}
	fmt.Fprintf(&p.text, "\n%s\n  %s\n", visible(strings.ToUpper(name)), data)
}

// list is a table with a row for each element, of the columns that have anything
// in them.
func (p *inventoryPage) list(title string, v reflect.Value) {
	if v.Len() == 0 {
		return
	}
	rows := make([]map[string]string, v.Len())
	for i := range v.Len() {
		rows[i] = map[string]string{}
		for _, f := range factsOf(v.Index(i), "") {
			rows[i][f.name] = shown(f)
		}
	}
	cells := make([][]string, len(rows)+1)
	for _, name := range columnsOf(v.Type().Elem()) {
		if !slices.ContainsFunc(rows, func(row map[string]string) bool { return row[name] != "" }) {
			continue
		}
		cells[0] = append(cells[0], strings.ToUpper(heading(name)))
		for i, row := range rows {
			cells[i+1] = append(cells[i+1], shortened(row[name], maxCell))
		}
	}
	fmt.Fprintf(&p.text, "\n%s: %d\n", title, v.Len())
	p.aligned(cells)
}

// aligned writes rows in columns, without blanks at the ends of lines.
func (p *inventoryPage) aligned(rows [][]string) {
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintf(w, "  %s\n", strings.Join(row, "\t")) // to memory
	}
	_ = w.Flush() // likewise
	for line := range strings.Lines(table.String()) {
		fmt.Fprintf(&p.text, "%s\n", strings.TrimRight(line, " \n"))
	}
}

// maxCell keeps a table readable; --json has everything.
const maxCell = 60

// inventoryFact is one value with its name as people read it.
type inventoryFact struct {
	name  string
	value reflect.Value
}

// factsOf lists what is known in a section or in one of its parts.
func factsOf(v reflect.Value, prefix string) (all []inventoryFact) {
	for i := range v.NumField() {
		name, omit := factName(v.Type().Field(i))
		field := v.Field(i)
		if omit && field.IsZero() {
			continue
		}
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		if field.Kind() == reflect.Struct && field.Type() != timeType {
			all = append(all, factsOf(field, prefix+name+" ")...)
			continue
		}
		if field.Kind() != reflect.String && field.Kind() != reflect.Slice || field.Len() > 0 {
			all = append(all, inventoryFact{prefix + name, field})
		}
	}
	return all
}

func columnsOf(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		name, _ := factName(field)
		names = append(names, name)
	}
	return names
}

// factName is the name in JSON with blanks; omit says that the zero value means
// that the fact is not known.
func factName(f reflect.StructField) (name string, omit bool) {
	name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
	return strings.ReplaceAll(name, "_", " "), strings.Contains(rest, "omit") || f.Type.Kind() == reflect.Pointer
}

// heading is the name without its unit, where shown has another one.
func heading(name string) string {
	if name == "bytes" {
		return "size"
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, " bytes"), " bits")
}

var timeType = reflect.TypeFor[time.Time]()

func isTable(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct
}

// shown is a fact as people read it.
func shown(f inventoryFact) string {
	switch v := f.value; v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return "yes"
		}
		return "no"
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, fmt.Sprint(v.Index(i)))
		}
		return visible(strings.Join(items, ", "))
	case reflect.Uint64:
		if strings.HasSuffix(f.name, "bits") {
			return fmt.Sprintf("%d Mbit/s", v.Uint()/1e6)
		}
		return size(int64(min(v.Uint(), 1<<62)))
	case reflect.String:
		return visible(v.String())
	}
	if at, ok := reflect.TypeAssert[time.Time](f.value); ok {
		return at.Local().Format("2006-01-02 15:04")
	}
	return fmt.Sprint(f.value)
}

// inventoryProblems is what status says of the last collection.
func inventoryProblems(n int) string {
	if n == 0 {
		return ", complete"
	}
	return ", with " + counted(n, "problem") + " (see inventory)"
}
