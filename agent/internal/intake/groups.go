package intake

import (
	"fmt"
	"slices"

	"github.com/kanade-go/kanade/agent/wire"
)

// Groups answers the groups of the host, in any order, and with a channel that
// is closed when another call would answer otherwise; nil: never. Nil groups are
// groups that are not known yet; a host without groups has empty ones.
type Groups func() (groups []string, changed <-chan struct{})

// MaxGroups is how many groups of a host count, in alphabetical order: each is a
// subscription and a filter of the consumer.
const MaxGroups = wire.MaxGroups

// ask is the answer of groups; without groups, none are known for good.
func (groups Groups) ask() ([]string, <-chan struct{}) {
	if groups == nil {
		return []string{}, nil
	}
	return groups()
}

// usable returns the groups that count, sorted, and says what is wrong with the
// others.
func usable(groups []string) (names []string, problem string) {
	all := slices.Compact(slices.Sorted(slices.Values(groups)))
	names = slices.DeleteFunc(slices.Clone(all), func(g string) bool { return wire.ValidateGroup(g) != nil })
	if bad := len(all) - len(names); bad > 0 {
		first := slices.IndexFunc(all, func(g string) bool { return wire.ValidateGroup(g) != nil })
		problem = fmt.Sprintf("%d of %d groups have a name that cannot stand in a subject and are ignored; the first: %v",
			bad, len(all), wire.ValidateGroup(all[first]))
	}
	if more := len(names) - MaxGroups; more > 0 {
		names = names[:MaxGroups]
		problem = join(problem, fmt.Sprintf("%d groups are ignored, because a host can be a member of at most %d", more, MaxGroups))
	}
	return names, problem
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
