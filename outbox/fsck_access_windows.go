package outbox

import (
	"io/fs"
	"path/filepath"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// Access lists are inherited from the state folder; modes and owners of files
// mean nothing here.

func openToOthers(fs.FileInfo) bool { return false }

func otherOwner(fs.FileInfo, fs.FileInfo) (owner string, other bool) { return "", false }

func closeToOthers(string, string, fs.FileInfo) error { return nil }

func giveTo(string, string, fs.FileInfo) error { return nil }

func removeOwn(dir, file string) error { return atomicfile.OS.Remove(filepath.Join(dir, file)) }
