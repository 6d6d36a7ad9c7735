//go:build unix

package exec

import (
	"os"
	"syscall"
)

const stagingPrefix = "kanade-agent-"

func defaultStagingDir() string { return os.TempDir() }

// openParent makes the folder of the run's folders if it is missing.
func openParent(dir string) error { return os.MkdirAll(dir, 0o700) }

// own reports whether the folder was made by this account.
func own(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// makePrivateDir fails when the folder exists.
func makePrivateDir(dir string) error { return os.Mkdir(dir, 0o700) }
