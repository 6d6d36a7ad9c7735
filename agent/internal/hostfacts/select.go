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
		pick(&picked, h, name)
	}
	for _, p := range h.Problems {
		if slices.Contains(names, p.Section) {
			picked.Problems = append(picked.Problems, p)
		}
	}
	return picked, nil
}

func pick(into *facts.Host, h facts.Host, name string) {
	switch name {
	case facts.SectionOS:
		into.OS = h.OS
	case facts.SectionHardware:
		into.Hardware = h.Hardware
	case facts.SectionStorage:
		into.Storage = h.Storage
	case facts.SectionNetwork:
		into.Network = h.Network
	case facts.SectionSoftware:
		into.Software = h.Software
	case facts.SectionUpdates:
		into.Updates = h.Updates
	case facts.SectionServices:
		into.Services = h.Services
	case facts.SectionAccounts:
		into.Accounts = h.Accounts
	case facts.SectionSecurity:
		into.Security = h.Security
	default:
		if into.Extra == nil {
			into.Extra = make(map[string]any)
		}
		into.Extra[name] = h.Extra[name]
	}
}

// Found tells whether anything is known of a host.
func Found(h facts.Host) bool {
	return len(h.Extra) > 0 || slices.ContainsFunc(facts.Sections(), func(name string) bool { return h.Section(name) != nil })
}
