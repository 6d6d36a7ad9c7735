//go:build !(linux || darwin || freebsd || dragonfly || windows)

package agent

import "errors"

// diskSize is not known here, and neither is the free space.
func diskSize(string) (int64, error) { return 0, errors.ErrUnsupported }
