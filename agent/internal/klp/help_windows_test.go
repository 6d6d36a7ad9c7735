package klp

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/windows"
)

var endpoints atomic.Int64

func tempEndpoint(testing.TB) string {
	return fmt.Sprintf(`\\.\pipe\kanade-test-%d-%d`, os.Getpid(), endpoints.Add(1))
}

func dialOnce(path string) (*os.File, error) { return dialPipe(path, 0) }

// dialPipe asks for what most programs ask for: all of reading and writing.
func dialPipe(path string, quality uint32) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_OVERLAPPED|quality, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}
