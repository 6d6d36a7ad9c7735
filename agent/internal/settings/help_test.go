package settings

import (
	"path/filepath"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func sizeOf(rows map[string]row) int {
	live, kept := sizes(rows)
	return live + kept
}

// benchStore is the store of a host's settings in dir.
func benchStore(dir, bucket string) store {
	return newStore(atomicfile.OS, filepath.Join(dir, "settings"), "PC-1", bucket)
}
