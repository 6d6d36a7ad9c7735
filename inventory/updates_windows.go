package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

const (
	updatePolicy  = `SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate`
	updateResults = `SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\Results\`
)

type win32QuickFixEngineering struct{ HotFixID, Description, InstalledOn string }

func (h host) updates(ctx context.Context, n *notes) (any, error) {
	u := &facts.Updates{
		Server:      updateServer(n),
		LastChecked: dateTime(machineText(updateResults+"Detect", "LastSuccessTime", n)),
		LastChanged: dateTime(machineText(updateResults+"Install", "LastSuccessTime", n)),
	}
	for _, row := range askNoting[win32QuickFixEngineering](ctx, h.wmi, n, wmiNamespace, "Win32_QuickFixEngineering") {
		fix := facts.Update{ID: clean(row.HotFixID), Title: clean(row.Description), Installed: installDate(row.InstalledOn)}
		if fix.ID == "" || fix.ID == "File 1" { // hot fixes of old
			continue
		}
		if strings.Contains(strings.ToLower(fix.Title), "security") {
			fix.Kind = "security"
		}
		if fix.Installed != nil && (u.LastChanged == nil || fix.Installed.After(*u.LastChanged)) {
			u.LastChanged = fix.Installed
		}
		u.Installed = append(u.Installed, fix)
	}
	slices.SortFunc(u.Installed, func(a, b facts.Update) int { return cmp.Compare(a.ID, b.ID) })
	return u, nil
}

// updateServer is the one that a policy names, if it is in force.
func updateServer(n *notes) (server string) {
	machineKey(updatePolicy+`\AU`, n, func(k key) {
		if on := k.yes("UseWUServer"); on != nil && *on {
			server = machineText(updatePolicy, "WUServer", n)
		}
	})
	return server
}
