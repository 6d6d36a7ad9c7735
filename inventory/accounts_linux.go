package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// firstPerson is the lowest user ID that distributions give to people, and nobody
// the one that belongs to no one: login.defs(5).
const (
	firstPerson = 1000
	nobody      = 65534
)

// adminGroups make an administrator of who is in them.
var adminGroups = map[string]bool{"sudo": true, "wheel": true, "admin": true, "root": true}

func (t tree) accounts(_ context.Context, n *notes) (any, error) {
	a := &facts.Accounts{Users: []facts.User{}, Groups: t.groups(n)}
	admins := make(map[string]bool)
	names := make(map[string]string) // of groups, by ID
	for _, g := range a.Groups {
		names[g.ID] = g.Name
		for _, m := range g.Members {
			admins[m] = admins[m] || adminGroups[g.Name]
		}
	}
	locked := t.locked(n)
	t.lines("/etc/passwd", n, func(line string) {
		f := strings.Split(line, ":")
		if len(f) != 7 || f[0] == "" {
			return
		}
		admin := f[2] == "0" || admins[f[0]] || adminGroups[names[f[3]]]
		full, _, _ := strings.Cut(f[4], ",")
		uid := parse(f[2])
		a.Users = append(a.Users, facts.User{
			Name: clean(f[0]), ID: f[2], FullName: clean(full), Home: clean(f[5]), Shell: clean(f[6]), Admin: &admin,
			System: uid != 0 && uid < firstPerson || uid == nobody, Disabled: disabled(locked, f[0], f[6]),
		})
	})
	slices.SortFunc(a.Users, func(x, y facts.User) int { return cmp.Or(bySize(x.ID, y.ID), cmp.Compare(x.Name, y.Name)) })
	a.Sessions = t.sessions(n)
	return a, nil
}

// disabled: an account whose shell lets nobody in, or whose password and expiry
// do not. Keys may still let in one whose password is locked.
func disabled(locked map[string]bool, name, shell string) *bool {
	yes := strings.HasSuffix(shell, "/nologin") || strings.HasSuffix(shell, "/false")
	if !yes && locked == nil {
		return nil
	}
	yes = yes || locked[name]
	return &yes
}

// locked are the accounts that have expired; nil if that cannot be read. Of
// passwords nothing is kept but whether there is one that can be typed.
func (t tree) locked(n *notes) map[string]bool {
	const name = "/etc/shadow"
	if _, err := t.bytes(name); err != nil {
		n.miss(name, unwrapPath(err))
		return nil
	}
	all := make(map[string]bool)
	today := uint64(time.Now().Unix() / (24 * 60 * 60))
	t.lines(name, n, func(line string) {
		f := strings.Split(line, ":")
		if len(f) < 8 {
			return
		}
		expires := parse(f[7])
		all[f[0]] = strings.HasPrefix(f[1], "!") || f[7] != "" && expires <= today
	})
	return all
}

func (t tree) groups(n *notes) []facts.Group {
	groups := []facts.Group{}
	t.lines("/etc/group", n, func(line string) {
		f := strings.Split(line, ":")
		if len(f) != 4 || f[0] == "" {
			return
		}
		g := facts.Group{Name: clean(f[0]), ID: f[2]}
		if f[3] != "" {
			g.Members = strings.Split(clean(f[3]), ",")
			slices.Sort(g.Members)
		}
		groups = append(groups, g)
	})
	slices.SortFunc(groups, func(x, y facts.Group) int { return cmp.Or(bySize(x.ID, y.ID), cmp.Compare(x.Name, y.Name)) })
	return groups
}

// sessions are those that systemd-logind knows.
func (t tree) sessions(n *notes) []facts.Session {
	var all []facts.Session
	for _, name := range t.names("/run/systemd/sessions") {
		s := t.assignments("/run/systemd/sessions/"+name, n)
		if s["CLASS"] != "user" {
			continue
		}
		session := facts.Session{User: s["USER"], Kind: sessionKind(s), State: s["STATE"], Client: s["REMOTE_HOST"]}
		session.Since = seconds(decimal(parse(s["REALTIME"]) / 1_000_000))
		all = append(all, session)
	}
	slices.SortFunc(all, bySession)
	return all
}

func sessionKind(s map[string]string) string {
	switch {
	case s["REMOTE"] == "1":
		return "remote"
	case s["TYPE"] == "x11", s["TYPE"] == "wayland":
		return s["TYPE"]
	case s["TYPE"] == "tty":
		return "tty"
	}
	return "console"
}
