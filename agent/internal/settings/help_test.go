package settings

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func isOneOf(err error, all ...error) bool {
	return slices.ContainsFunc(all, func(one error) bool { return errors.Is(err, one) })
}

func sizeOf(rows map[string]row) int {
	live, kept := sizes(rows)
	return live + kept
}

// benchStore is the store of a host's settings in dir.
func benchStore(dir string) store {
	return store{fs: atomicfile.OS, dir: filepath.Join(dir, "settings"), pcID: "PC-1"}
}
