package inventory

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// programList is a list with a bound.
type programList struct {
	all []facts.Program
	err error
}

func (l *programList) add(p facts.Program, ok bool) {
	switch {
	case !ok:
	case len(l.all) == maxPrograms:
		l.err = errTooManyPrograms
	default:
		l.all = append(l.all, p)
	}
}

// software are applications, packages of installers, and what Homebrew has. The
// applications of the system belong to it.
func (mac) software(ctx context.Context, n *notes) (any, error) {
	l := &programList{all: []facts.Program{}}
	l.applications(ctx, "/Applications", "machine", n)
	for _, user := range below("/Users") {
		l.applications(ctx, filepath.Join("/Users", user, "Applications"), "user:"+user, n)
	}
	l.receipts(ctx, n)
	for _, prefix := range []string{"/opt/homebrew", "/usr/local"} {
		l.brew(prefix + "/Cellar")
		l.brew(prefix + "/Caskroom")
	}
	slices.SortFunc(l.all, byName)
	if ctx.Err() != nil {
		l.err = context.Cause(ctx)
	}
	return &facts.Software{Programs: l.all}, l.err
}

// maxFolders is how deep applications are looked for: suites have a folder of
// their own.
const maxFolders = 3

func (l *programList) applications(ctx context.Context, dir, scope string, n *notes) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return fs.SkipAll
		}
		if err != nil || !entry.IsDir() {
			return nil //nolint:nilerr // what cannot be listed has nothing
		}
		if strings.HasSuffix(path, ".app") {
			l.application(path, scope, n)
			return fs.SkipDir
		}
		if strings.Count(path[len(dir):], "/") >= maxFolders {
			return fs.SkipDir
		}
		return nil
	})
}

func (l *programList) application(path, scope string, n *notes) {
	for _, info := range []string{"Contents/Info.plist", "WrappedBundle/Info.plist"} { // of iPad applications
		name := filepath.Join(path, info)
		if _, err := os.Stat(name); err == nil {
			p, ok := application(list(name, n), path, scope)
			p.Installed = born(path)
			l.add(p, ok)
			return
		}
	}
}

// born is when a file came into being.
func born(name string) *time.Time {
	var st syscall.Stat_t
	if err := syscall.Stat(name, &st); err != nil {
		return nil
	}
	return moment(time.Unix(st.Birthtimespec.Unix()))
}

func (l *programList) receipts(ctx context.Context, n *notes) {
	const dir = "/var/db/receipts"
	for _, name := range below(dir) {
		if ctx.Err() != nil {
			return
		}
		if strings.HasSuffix(name, ".plist") {
			l.add(receipt(list(dir+"/"+name, n)))
		}
	}
}

// brew has a folder for each program, with one for each version.
func (l *programList) brew(dir string) {
	for _, name := range below(dir) {
		for _, version := range below(filepath.Join(dir, name)) {
			if !strings.HasPrefix(version, ".") {
				l.add(facts.Program{
					Name: name, Version: version, Source: "brew", Scope: "machine", ID: name, Location: filepath.Join(dir, name, version),
				}, true)
			}
		}
	}
}
