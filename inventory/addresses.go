package inventory

import "net/netip"

// megabits: the kernel says -1 where it does not know.
func megabits(s string) uint64 { return times(parse(s), 1_000_000) }

// parted takes those addresses out that are temporary.
func parted(all []string, temporary map[netip.Addr]bool) (lasting, passing []string) {
	for _, a := range all {
		if p, err := netip.ParsePrefix(a); err == nil && temporary[p.Addr()] {
			passing = append(passing, a)
		} else {
			lasting = append(lasting, a)
		}
	}
	return lasting, passing
}
