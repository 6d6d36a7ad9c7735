//go:build unix

package outbox

import (
	"errors"
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

// closeToOthers takes the rights of group and others away. It works on the open
// file: what has the name may be replaced by a link at any time.
func closeToOthers(name string) error {
	f, err := openShared(name)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Chmod(info.Mode().Perm() &^ 0o077)
	}
	return errors.Join(err, f.Close())
}

// giveTo gives a file to the owner of a folder. Only root can do that, and only
// root needs it.
func giveTo(name string, folder fs.FileInfo) error {
	want, ok := folder.Sys().(*syscall.Stat_t)
	if !ok || int(want.Uid) == os.Geteuid() {
		return nil
	}
	f, err := openShared(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Chown(int(want.Uid), int(want.Gid)), f.Close())
}
