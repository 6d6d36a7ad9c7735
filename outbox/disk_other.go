//go:build !(linux || darwin || freebsd || dragonfly || windows)

package outbox

import "errors"

// freeDisk is not known here; Open refuses WithFreeDisk.
func freeDisk(dir string) (int64, error) { return 0, &diskError{dir, errors.ErrUnsupported} }
