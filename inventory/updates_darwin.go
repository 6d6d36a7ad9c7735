package inventory

import (
	"cmp"
	"context"
	"slices"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (mac) updates(_ context.Context, n *notes) (any, error) {
	preferences := list("/Library/Preferences/com.apple.SoftwareUpdate.plist", n)
	u := &facts.Updates{
		Installed: macHistory(n), Pending: recommended(preferences),
		LastChecked: preferences.time("LastSuccessfulDate"), Server: preferences.text("CatalogURL"),
	}
	for _, update := range u.Installed {
		if update.Installed != nil && (u.LastChanged == nil || update.Installed.After(*u.LastChanged)) {
			u.LastChanged = update.Installed
		}
	}
	slices.SortStableFunc(u.Installed, func(a, b facts.Update) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version)) })
	slices.SortFunc(u.Pending, func(a, b facts.Update) int { return cmp.Compare(a.ID, b.ID) })
	return u, nil
}

func macHistory(n *notes) []facts.Update {
	const name = "/Library/Receipts/InstallHistory.plist"
	data, err := readFile(name)
	if err != nil {
		n.miss(name, withoutPath(err))
		return nil
	}
	value, err := plist(data)
	n.miss(name, err)
	history, _ := value.([]any)
	return installHistory(history)
}
