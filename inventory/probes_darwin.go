package inventory

import "github.com/kanade-go/kanade/inventory/facts"

// mac reads a macOS: its property lists, the kernel's variables, and the tools of
// the system for the rest.
type mac struct{}

func systemProbes(options) map[string]probe {
	m := mac{}
	return map[string]probe{
		facts.SectionOS:       m.os,
		facts.SectionHardware: m.hardware,
		facts.SectionStorage:  m.storage,
		facts.SectionNetwork:  m.network,
		facts.SectionSoftware: m.software,
		facts.SectionUpdates:  m.updates,
		facts.SectionServices: m.services,
		facts.SectionAccounts: m.accounts,
		facts.SectionSecurity: m.security,
	}
}
