//go:build !linux

package atomicfile

import "os"

func startSync(*os.File) error { return nil }
