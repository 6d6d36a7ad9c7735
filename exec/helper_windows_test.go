package exec

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
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

// duplicate makes a program available under another name.
func duplicate(program, name string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o700)
}

// needsRealConsole skips under Wine, whose host for an invisible console inherits the pipes of the program it is made for
// and lives as long as any program in that console (seen with Wine 8.0 and os/exec alone: CREATE_NO_WINDOW is enough).
func needsRealConsole(t *testing.T) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine's console host holds the pipes")
	}
}
