package exec

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

const (
	nativeShell = Cmd
	exeSuffix   = ".exe"
)

// helperScript is text for the native shell that runs a helper as the shell's child.
func helperScript(args ...string) string { return helperCommand(args...) }

func helperCommand(args ...string) string {
	words := append([]string{os.Args[0], "helper"}, args...)
	for i, w := range words {
		words[i] = `"` + w + `"`
	}
	return strings.Join(words, " ")
}

// requirePrivate: Windows keeps no modes; the access list has a test of its own.
func requirePrivate(*testing.T, seen) {}

// sessionAttr: Windows has no counterpart.
func sessionAttr() *syscall.SysProcAttr { return nil }
