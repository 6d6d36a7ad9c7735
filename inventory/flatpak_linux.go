package inventory

import (
	"context"
	"os"
	"strings"
	"syscall"

	"github.com/kanade-go/kanade/inventory/facts"
)

// flatpaks of the machine.
func (t tree) flatpaks(n *notes, add func(facts.Program)) {
	t.flatpaksIn("/var/lib/flatpak/app", "machine", anybody, n, add)
}

// maxOfUser bounds what one user has of flatpaks, and maxAppData a file that
// describes one.
const (
	maxOfUser  = 1000
	maxAppData = 1 << 20
)

// ofUsers are the flatpaks of each user with a home. A home may be on a file server
// that gives no answer: that costs what is in it.
func (t tree) ofUsers(ctx context.Context) func(*notes, func(facts.Program)) {
	return func(n *notes, add func(facts.Program)) {
		const homes = "/home"
		users, err := await(ctx, t.waits, homes, func() ([]string, error) { return t.names(homes), nil })
		n.miss(homes, err)
		for _, user := range users {
			if ctx.Err() != nil {
				return
			}
			home := homes + "/" + user
			found, err := await(ctx, t.waits, home, func() ([]facts.Program, error) { return t.ofHome(home, user) })
			n.miss(home, err)
			for _, p := range found {
				add(p)
			}
		}
	}
}

func (t tree) ofHome(home, user string) (all []facts.Program, err error) {
	info, err := os.Lstat(t.path(home))
	if err != nil {
		return nil, err
	}
	t.flatpaksIn(home+"/.local/share/flatpak/app", "user:"+clean(user), ownerOf(info), new(notes), func(p facts.Program) { all = append(all, p) })
	return all, nil
}

func (t tree) flatpaksIn(dir, scope string, owner int64, n *notes, add func(facts.Program)) {
	ids := t.names(dir)
	for _, id := range ids[:min(len(ids), maxOfUser)] {
		active := dir + "/" + id + "/current/active/"
		if !t.exists(active + "metadata") {
			continue
		}
		name, version := t.appData(active+"export/share/metainfo/"+id+".metainfo.xml", owner, n)
		add(facts.Program{
			Name: first(name, clean(id)), Version: version, Source: "flatpak", Scope: scope, ID: clean(id), Installed: t.changed(active + "metadata"),
		})
	}
}

// anybody may own a file.
const anybody = -1

func ownerOf(info os.FileInfo) int64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return anybody - 1
	}
	return int64(st.Uid)
}

// appData finds name and newest version in an AppStream file. In a home a link may
// lead anywhere: what does not belong to its owner is not read.
func (t tree) appData(file string, owner int64, n *notes) (name, version string) {
	f, err := t.open(file)
	if err != nil {
		n.miss(file, unwrapPath(err))
		return "", ""
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil || owner != anybody && ownerOf(info) != owner {
		return "", ""
	}
	err = scan(f, maxAppData, func(line string) {
		if name == "" {
			name = between(line, "<name>", "</name>")
		}
		if version == "" {
			version = between(after(line, "<release "), `version="`, `"`)
		}
	})
	n.miss(file, err)
	return name, version
}

func after(s, sign string) string {
	_, rest, _ := strings.Cut(s, sign)
	return rest
}

func between(s, open, end string) string {
	text, _, ok := strings.Cut(after(s, open), end)
	if !ok {
		return ""
	}
	return clean(text)
}
