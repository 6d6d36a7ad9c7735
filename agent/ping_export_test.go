package agent

import (
	"io/fs"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// hookedFS asks before it opens a file.
type hookedFS struct {
	atomicfile.FS
	before func(name string) error
}

func (h hookedFS) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if err := h.before(name); err != nil {
		return nil, err
	}
	return h.FS.OpenFile(name, flag, perm)
}

// BeforeOpen has before decide when, and whether, a file is opened.
func BeforeOpen(before func(name string) error) Option {
	return func(o *options) error {
		o.fs = hookedFS{FS: atomicfile.OS, before: before}
		return nil
	}
}
