package inventory

import (
	"cmp"
	"context"
	"slices"

	"github.com/kanade-go/kanade/inventory/facts"
)

const dscacheutil = "/usr/bin/dscacheutil"

// accounts are those that directory services list: the local ones, whose own
// files only root may read.
func (mac) accounts(ctx context.Context, n *notes) (any, error) {
	a := &facts.Accounts{Groups: macGroups(toolNoting(ctx, n, dscacheutil, "-q", "group"))}
	a.Users = macUsers(toolNoting(ctx, n, dscacheutil, "-q", "user"), a.Groups)
	sessions, err := readFile("/var/run/utmpx")
	n.miss("/var/run/utmpx", withoutPath(err))
	a.Sessions = utmpx(sessions)
	slices.SortFunc(a.Sessions, bySession)
	slices.SortFunc(a.Users, func(x, y facts.User) int {
		return cmp.Or(cmp.Compare(parse(x.ID), parse(y.ID)), cmp.Compare(x.Name, y.Name))
	})
	slices.SortFunc(a.Groups, func(x, y facts.Group) int {
		return cmp.Or(cmp.Compare(parse(x.ID), parse(y.ID)), cmp.Compare(x.Name, y.Name))
	})
	return a, nil
}
