package inventory

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// updates: package managers keep no list of patches. When they last looked and
// changed something is told by what they leave behind.
func (t tree) updates(context.Context, *notes) (any, error) {
	return &facts.Updates{
		LastChecked: t.newest(
			"/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists", "/var/cache/dnf/last_makecache", "/var/cache/dnf",
			"/var/cache/libdnf5", "/var/cache/apk", "/var/lib/pacman/sync", "/var/cache/zypp/raw",
		),
		LastChanged: t.newest(
			"/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db",
			"/var/lib/rpm/Packages", "/lib/apk/db/installed", "/var/lib/pacman/local",
		),
	}, nil
}

func (t tree) newest(names ...string) *time.Time {
	var newest *time.Time
	for _, name := range names {
		if at := t.changed(name); at != nil && (newest == nil || at.After(*newest)) {
			newest = at
		}
	}
	return newest
}
