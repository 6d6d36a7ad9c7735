package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// access gathers the files that others than their owner can reach, and those
// whose owner is not the folder's.
type access struct {
	box       fs.FileInfo
	open      group
	strangers group
}

// group is a set of files that one finding is about.
type group struct {
	files []string
	what  string // of the first
}

func (g *group) add(file, what string) {
	if g.files == nil {
		g.what = what
	}
	g.files = append(g.files, file)
}

func (a *access) folder(file string, info fs.FileInfo) {
	if file == "." {
		a.box = info
	}
	a.file(file, info)
}

func (a *access) file(file string, info fs.FileInfo) {
	if openToOthers(info) {
		a.open.add(file, fmt.Sprintf("mode %04o", info.Mode().Perm()))
	}
	if owner, other := otherOwner(info, a.box); other {
		a.strangers.add(file, owner)
	}
}

func (a *access) findings(r *Reader) []Finding {
	var all []Finding
	if g := a.open; g.files != nil {
		all = append(all, Finding{
			Kind: FoundPermissions, File: g.files[0], step: stepAccess,
			What:   fmt.Sprintf("open to other users (%s)%s", g.what, g.more()),
			Repair: "close it to all but its owner (folders 0700, files 0600)",
			Keeps:  "no content is touched",
			fix:    func() error { return r.each(g.files, a.box, closeToOthers) },
		})
	}
	if g := a.strangers; g.files != nil {
		all = append(all, Finding{
			Kind: FoundPermissions, File: g.files[0], step: stepAccess,
			What:   fmt.Sprintf("belongs to %s, not to the owner of the folder, who may be unable to read it%s", g.what, g.more()),
			Repair: "give it to the owner of the folder (needs root)",
			Keeps:  "no content is touched",
			fix:    func() error { return r.each(g.files, a.box, giveTo) },
		})
	}
	return all
}

func (g group) more() string {
	if n := len(g.files) - 1; n > 0 {
		return fmt.Sprintf(", and %d more like it", n)
	}
	return ""
}

// each does something with every file, also after one that fails: who can plant
// such a file must not be able to keep the others as they are.
func (r *Reader) each(files []string, folder fs.FileInfo, do func(dir, file string, folder fs.FileInfo) error) error {
	if r.box.opt.fs != atomicfile.OS {
		return errors.ErrUnsupported
	}
	var first error
	failed := 0
	for _, file := range files {
		if err := ignoreMissing(do(r.Dir(), file, folder)); err != nil {
			first = cmp.Or(first, err)
			failed++
		}
	}
	if failed > 1 {
		return fmt.Errorf("%w, and %d more like it", first, failed-1)
	}
	return first
}
