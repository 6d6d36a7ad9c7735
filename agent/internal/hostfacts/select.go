package hostfacts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// Select leaves of a host the named sections, and their problems. Without names it
// leaves everything. A name that no section has is an error.
func Select(h facts.Host, names []string) (facts.Host, error) {
	if len(names) == 0 {
		return h, nil
	}
	known := append(facts.Sections(), slices.Sorted(maps.Keys(h.Extra))...)
	picked := facts.Host{Hostname: h.Hostname, Collected: h.Collected}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return facts.Host{}, fmt.Errorf("there is no section %.80q; there are %s", name, strings.Join(known, ", "))
		}
		picked.Set(name, h.Section(name))
	}
	for _, p := range h.Problems {
		if slices.Contains(names, p.Section) {
			picked.Problems = append(picked.Problems, p)
		}
	}
	return picked, nil
}

// Found tells whether anything is known of a host.
func Found(h facts.Host) bool {
	return len(h.Extra) > 0 || slices.ContainsFunc(facts.Sections(), func(name string) bool { return h.Section(name) != nil })
}
