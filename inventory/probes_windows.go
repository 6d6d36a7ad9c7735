package inventory

import "github.com/kanade-go/kanade/inventory/facts"

// host reads a Windows: its registry, its API, and WMI for the rest.
type host struct{ wmi *wmiService }

func systemProbes(o options) map[string]probe {
	h := host{newWMI(o.querier, connectWMI)}
	return map[string]probe{
		facts.SectionOS:       h.os,
		facts.SectionHardware: h.wmi.within(h.hardware),
		facts.SectionStorage:  h.wmi.within(h.storage),
		facts.SectionNetwork:  h.network,
		facts.SectionSoftware: h.software,
		facts.SectionUpdates:  h.wmi.within(h.updates),
		facts.SectionServices: h.services,
		facts.SectionAccounts: h.accounts,
		facts.SectionSecurity: h.wmi.within(h.security),
	}
}
