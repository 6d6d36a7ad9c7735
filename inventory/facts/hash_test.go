package facts_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// fill gives every field a value, and every list one element.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2031, 3, 4, 5, 0, 0, 0, time.UTC)))
			return
		}
		for _, field := range v.Fields() {
			fill(field)
		}
	default:
		change(v)
	}
}

// change gives a value another one.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Struct:
		v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Hour)))
	}
}

// leaves calls each for every value below v, with its path as in the JSON.
func leaves(v reflect.Value, path string, each func(path string, leaf reflect.Value)) {
	switch {
	case v.Kind() == reflect.Pointer:
		leaves(v.Elem(), path, each)
	case v.Kind() == reflect.Slice:
		leaves(v.Index(0), path, each)
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			leaves(v.Field(i), path+"."+name, each)
		}
	default:
		each(path, v)
	}
}

// volatile are the fields that change on a host that nobody touches.
var volatile = []string{
	"accounts.sessions.state", "accounts.users.last_logon",
	"disk.volumes.free_bytes",
	"hardware.batteries.charge_percent", "hardware.batteries.charging", "hardware.batteries.cycles", "hardware.swap_bytes",
	"net.interfaces.temporary_addresses",
	"os.booted_at",
	"security.antivirus.updated", "security.firewalls.updated",
	"services.services.pid", "services.services.state",
	"updates.last_changed", "updates.last_checked",
}

// Every field of every section counts, or is one of those that change by themselves.
func TestEveryFieldCountsButThoseThatChangeByThemselves(t *testing.T) {
	var found []string
	for _, name := range facts.Sections() {
		leaves(filled(name), name, func(path string, leaf reflect.Value) {
			section := filled(name)
			before := hash(t, section.Interface())
			leaves(section, name, func(p string, same reflect.Value) {
				if p == path {
					change(same)
				}
			})
			data, err := json.Marshal(section.Interface())
			require.NoError(t, err)
			if before == hash(t, section.Interface()) {
				found = append(found, path)
			}
			again, err := json.Marshal(section.Interface())
			require.NoError(t, err)
			require.Equal(t, data, again, "Hash has changed the section")
		})
	}
	slices.Sort(found)
	require.Equal(t, volatile, found)
}

func filled(name string) reflect.Value {
	section := reflect.ValueOf(facts.New(name))
	fill(section.Elem())
	return section
}

func TestWhatCountsInPart(t *testing.T) {
	battery := func(full, design int) any {
		return &facts.Hardware{Batteries: []facts.Battery{{Full: full, Design: design}}}
	}
	service := func(start, state string) any {
		return &facts.Services{Services: []facts.Service{{Start: start, State: state}}}
	}
	volume := func(system string, size uint64) any {
		return &facts.Storage{Volumes: []facts.Volume{{FileSystem: system, Bytes: size}}}
	}
	link := func(kind string, speed uint64) any {
		return &facts.Network{Interfaces: []facts.Interface{{Kind: kind, SpeedBits: speed}}}
	}
	for name, c := range map[string]struct {
		one, two any
		same     bool
	}{
		"a battery that is measured anew":  {battery(40_010, 50_000), battery(40_190, 50_000), true},
		"a battery that ages":              {battery(40_010, 50_000), battery(39_000, 50_000), false},
		"a battery of no known design":     {battery(10, 0), battery(9, 0), false},
		"a service of the boot that ended": {service("auto", "running"), service("auto", "stopped"), false},
		"a service on demand":              {service("manual", "running"), service("manual", "stopped"), true},
		"a service on demand that failed":  {service("manual", "running"), service("manual", "failed"), false},
		"a delayed service":                {service("delayed", "running"), service("delayed", "stopped"), true},
		"a volume that grew":               {volume("ext4", 1), volume("ext4", 2), false},
		"a volume of a pool":               {volume("zfs", 1), volume("zfs", 2), true},
		"a slower cable":                   {link("ethernet", 1e9), link("ethernet", 1e8), false},
		"a wireless link":                  {link("wifi", 866e6), link("wifi", 780e6), true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.same {
				require.Equal(t, hash(t, c.one), hash(t, c.two))
			} else {
				require.NotEqual(t, hash(t, c.one), hash(t, c.two))
			}
		})
	}
}

// The table of the sources has a row for each field, and none for another one.
func TestEveryFieldHasItsSources(t *testing.T) {
	text, err := os.ReadFile("SOURCES.md")
	require.NoError(t, err)
	var documented, fields []string
	for line := range strings.Lines(string(text)) {
		if row, ok := strings.CutPrefix(line, "| `"); ok {
			require.Equal(t, 6, strings.Count(line, "|"), line)
			path, rest, _ := strings.Cut(row, "`")
			documented = append(documented, path)
			if slices.Contains(volatile, path) {
				require.Contains(t, rest, "volatile", path)
			}
		}
	}
	for _, name := range facts.Sections() {
		leaves(filled(name), name, func(path string, _ reflect.Value) { fields = append(fields, path) })
	}
	slices.Sort(documented)
	slices.Sort(fields)
	require.Equal(t, fields, documented)
}
