package inventory

import "github.com/kanade-go/kanade/inventory/facts"

// systemProbes read a Linux host from its file systems.
func systemProbes(o options) map[string]probe {
	return newTree(o.root).probes()
}

func (t tree) probes() map[string]probe {
	return map[string]probe{
		facts.SectionOS:       t.os,
		facts.SectionHardware: t.hardware,
		facts.SectionStorage:  t.storage,
		facts.SectionNetwork:  t.network,
		facts.SectionSoftware: t.software,
		facts.SectionUpdates:  t.updates,
		facts.SectionServices: t.services,
		facts.SectionAccounts: t.accounts,
		facts.SectionSecurity: t.security,
	}
}
