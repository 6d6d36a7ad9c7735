package agentcli

import (
	"slices"
	"strings"
)

// unknownTables finds those that are likely meant for this program. Others are
// nobody's business here: fleets keep more in their files.
func (d *document) unknownTables() (found problems) {
	for name, value := range d.tables {
		if _, isTable := value.(map[string]any); !isTable || slices.Contains(configTables, name) || name == "vars" || name == "teravars" {
			continue
		}
		if near := nearest(name, configTables); near != "" {
			found = append(found, d.unknown(name, "table", "unknown table ["+name+"] is ignored"))
		}
	}
	return found
}

// unknown is a warning that names what may have been meant.
func (d *document) unknown(key, what, text string) problem {
	p := d.problem(key, text)
	p.Warning = true
	if near := nearest(key, known(what)); near != "" {
		p.Text += "; did you mean " + near + "?"
	}
	return p
}

// known are the names of tables, or of keys with their tables.
func known(what string) []string {
	if what == "table" {
		return configTables
	}
	var keys []string
	for key, kind := range keyKinds {
		if kind != kindTable {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// nearest is the name that takes the fewest changes of single letters to get to, if
// these are few for its length; a key of the right name in another table goes before.
func nearest(name string, names []string) string {
	best, least := "", 0
	for _, n := range names {
		few := max(1, len(n)/4)
		if len(name) > len(n)+few && !strings.Contains(n, ".") {
			continue
		}
		changes := distance(name[:min(len(name), len(n)+few+1)], n)
		if _, key, isKey := strings.Cut(n, "."); isKey && strings.HasSuffix(name, "."+key) {
			changes = 1
		}
		if changes <= few && (best == "" || changes < least) {
			best, least = n, changes
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace, or swap with the next one.
func distance(a, b string) int {
	var above, twoAbove []int // rows for one and two letters less of a
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		twoAbove, above, row = above, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, row[j]+1, above[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], twoAbove[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
