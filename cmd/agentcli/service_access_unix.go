//go:build unix

package agentcli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const administrator = "root"

func isAdministrator() bool { return os.Geteuid() == 0 }

// closeFolder and closeFile keep everyone out but the owner.
func closeFolder(path string) error { return os.Chmod(path, 0o700) }
func closeFile(path string) error   { return os.Chmod(path, 0o600) }

// isClosed: nobody but the owner reads or writes it.
func isClosed(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }

// replaceable says who else than an administrator can change what is at path, by
// itself or by a folder above it; empty: nobody.
func replaceable(path string) string {
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return "" // it is read before it counts
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		writable := info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0
		switch {
		case ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
			return fmt.Sprintf("%s belongs to the user with the number %d", path, stat.Uid)
		case writable:
			return fmt.Sprintf("%s can be written by others (mode %04o)", path, info.Mode().Perm())
		case path == filepath.Dir(path):
			return ""
		}
	}
}

// removeStoredSecrets has nothing to do: only Windows has a store for them.
func removeStoredSecrets() (bool, error) { return false, nil }
