//go:build unix

package outbox

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func openToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// otherOwner tells whether a file's owner is not that of the folder, and who it
// is.
func otherOwner(info, folder fs.FileInfo) (owner string, other bool) {
	its, ok := info.Sys().(*syscall.Stat_t)
	if !ok || folder == nil {
		return "", false
	}
	want, ok := folder.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("uid %d", its.Uid), ok && its.Uid != want.Uid
}

// closeToOthers takes the rights of group and others away.
func closeToOthers(dir, file string, folder fs.FileInfo) error {
	return withOwn(dir, file, folder, func(f *os.File, info fs.FileInfo) error {
		return f.Chmod(info.Mode().Perm() &^ 0o077)
	})
}

// giveTo gives a file to the owner of the folder. Only root can do that, and only
// root needs it.
func giveTo(dir, file string, folder fs.FileInfo) error {
	want, ok := folder.Sys().(*syscall.Stat_t)
	if !ok || int(want.Uid) == os.Geteuid() {
		return nil
	}
	return withOwn(dir, file, folder, func(f *os.File, _ fs.FileInfo) error {
		return f.Chown(int(want.Uid), int(want.Gid))
	})
}
