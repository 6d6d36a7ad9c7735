package wire

import "slices"

// Target is which hosts a schedule is for. The zero value is none.
type Target struct {
	// Groups and PCIDs are compared exactly; one that matches is enough.
	Groups, PCIDs []string
	All           bool
}

// Matches reports whether a host is meant. Groups that are not known yet are
// given as none.
func (t Target) Matches(pcID string, groups []string) bool {
	return t.All || slices.Contains(t.PCIDs, pcID) ||
		slices.ContainsFunc(t.Groups, func(g string) bool { return slices.Contains(groups, g) })
}

func (r *reader) target() (t Target) {
	r.object(func(key []byte) {
		switch string(key) {
		case "groups":
			t.Groups = r.strings()
		case "pcs":
			t.PCIDs = r.strings()
		case "all":
			t.All = r.bool()
		default:
			r.skip()
		}
	})
	return t
}

func (w *writer) target(name string, t Target) {
	w.open(name)
	w.strings("groups", t.Groups)
	w.strings("pcs", t.PCIDs)
	w.bool("all", t.All)
	w.close()
}
