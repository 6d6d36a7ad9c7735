//go:build unix

package outbox

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
)

var (
	errReplaced   = errors.New("it was replaced meanwhile, or is a link")
	errNotRegular = errors.New("it is no regular file")
	errHardLinked = errors.New("it has a second name (hard link), which may be anywhere: remove one of them")
)

// withOwn opens a file of the folder and calls do with it. The folder's owner can
// put links in the way at any time, and root would change what they lead to: a
// file that has another name besides, or is reached through a link, is refused.
func withOwn(dir, file string, folder fs.FileInfo, do func(*os.File, fs.FileInfo) error) error {
	err := below(dir, path.Dir(file), folder, func(root *os.Root) error {
		f, err := root.OpenFile(path.Base(file), os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		info, err := own(root, path.Base(file), f)
		if err == nil {
			err = do(f, info)
		}
		return errors.Join(err, f.Close())
	})
	if err != nil && !errors.As(err, new(*fs.PathError)) {
		return &fs.PathError{Op: "change", Path: file, Err: err}
	}
	return err
}

// below calls do with a folder in dir, or with dir itself (".").
func below(dir, sub string, folder fs.FileInfo, do func(*os.Root) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := sameFolder(root, folder); err != nil {
		return err
	}
	if sub == "." {
		return do(root)
	}
	listed, err := root.Lstat(sub)
	if err != nil {
		return err
	}
	inner, err := root.OpenRoot(sub)
	if err != nil {
		return err
	}
	defer inner.Close()
	if err := sameFolder(inner, listed); err != nil {
		return err
	}
	return do(inner)
}

// sameFolder makes sure that an open folder is the one that was looked at, which
// was no link.
func sameFolder(root *os.Root, want fs.FileInfo) error {
	have, err := root.Stat(".")
	if err == nil && !os.SameFile(have, want) {
		err = errReplaced
	}
	return err
}

// own makes sure that an open file has its name in the folder and no other. The
// name is looked up again after the open: one that is gone by then would not
// count among the names, and the one that is left would be elsewhere.
func own(root *os.Root, name string, f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	named, err := root.Lstat(name)
	switch {
	case err != nil:
		return nil, err
	case !os.SameFile(info, named):
		return nil, errReplaced
	case info.IsDir():
		return info, nil
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case !oneName(info) || !oneName(named):
		return nil, errHardLinked
	}
	return info, nil
}

func oneName(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 1
}

// removeOwn removes a file of the folder, and none that a link in the place of a
// folder leads to.
func removeOwn(dir, file string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	return errors.Join(root.Remove(file), root.Close())
}

// linkOwn gives a file of the folder a second name in it, which nothing holds.
func linkOwn(dir, from, to string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	return errors.Join(root.Link(from, to), root.Close())
}
