//go:build unix

package agentcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const administrator = "root"

func isAdministrator() bool { return os.Geteuid() == 0 }

// closeFolder and closeFile keep everyone out but the owner.
func closeFolder(path string) error { return closeTo(path, 0o700, fs.ModeDir) }
func closeFile(path string) error   { return closeTo(path, 0o600, 0) }

// makeClosed makes a folder for the owner alone.
func makeClosed(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return closeFolder(dir)
}

// makeAbove makes the folders above one that is missing. They are open, as others of the
// host are: nobody but their owner changes them.
func makeAbove(dir string) (made []string, err error) {
	return nil, os.MkdirAll(filepath.Dir(dir), 0o755)
}

// closeTo changes what it has opened, and that only if it is of this kind: a device
// that a configuration names, or a folder, would be lost to the whole host.
func closeTo(path string, mode, kind fs.FileMode) error {
	flags := os.O_RDONLY | syscall.O_NONBLOCK
	if kind == fs.ModeDir {
		flags |= syscall.O_NOFOLLOW // it was made a moment ago
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err == nil && info.Mode().Type() != kind {
		err = fmt.Errorf("%s: %w", path, errOtherKind)
	}
	if err != nil {
		return err
	}
	return f.Chmod(mode)
}

// closeSecretFile also says whether that changed anything.
func closeSecretFile(path string) (changed bool, err error) { return true, closeFile(path) }

// isClosed: nobody but the owner reads or writes it.
func isClosed(_ string, info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }

// replaceable says who else than an administrator can change what is at path, by
// itself, or by a folder or link on the way to it; empty: nobody.
func replaceable(path string) string {
	if why := diverted(path); why != "" {
		return why
	}
	info, err := os.Stat(path)
	if err != nil {
		return "" // it is read before it counts
	}
	return changeable(path, info)
}

// maxLinks is how many links one path may lead over, as in the kernel.
const maxLinks = 40

// diverted says who else can have path lead to another file: whoever can write into a
// folder that it leads through, also by links.
func diverted(path string) string {
	at, links := "/", 0
	for rest := strings.Split(path, "/"); len(rest) > 0; {
		folder, err := os.Stat(at)
		if err != nil {
			return ""
		}
		if why := changeable(at, folder); why != "" {
			return why
		}
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrNotExist) {
			return ""
		}
		if err != nil {
			return next + " cannot be looked at"
		}
		// In a folder such as /tmp everyone replaces what is his own.
		if folder.Mode().Perm()&0o022 != 0 && foreign(info) {
			return belongs(next, info)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		to, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return next + " leads nowhere"
		}
		if filepath.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return ""
}

func changeable(path string, info fs.FileInfo) string {
	switch {
	case foreign(info):
		return belongs(path, info)
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Sprintf("%s can be written by others (mode %04o)", path, info.Mode().Perm())
	}
	return ""
}

// foreign: it belongs neither to root nor to this user.
func foreign(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

func belongs(path string, info fs.FileInfo) string {
	stat, _ := info.Sys().(*syscall.Stat_t) // as foreign has found
	return fmt.Sprintf("%s belongs to the user with the number %d", path, stat.Uid)
}

// removeStoredSecrets has nothing to do: only Windows has a store for them.
func removeStoredSecrets() (bool, error) { return false, nil }
