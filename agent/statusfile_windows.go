package agent

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// readShared reads at most limit bytes of a file, which others may replace
// meanwhile. While it is just being replaced it can be refused for a moment.
func readShared(path string, limit int64) ([]byte, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var f *os.File
	err = whileHeld(2*time.Second, func() error {
		const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
		const flags = windows.FILE_ATTRIBUTE_NORMAL | windows.FILE_FLAG_OPEN_REPARSE_POINT
		handle, err := windows.CreateFile(name, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, flags, 0)
		if err == nil {
			f = os.NewFile(uintptr(handle), path)
		}
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, limit))
}

// replace puts a file in the place of another. Readers that do not share it, such
// as scanners, hold it up for a moment; the next status comes soon.
func replace(from, to string) error {
	return whileHeld(200*time.Millisecond, func() error { return os.Rename(from, to) })
}

func whileHeld(patience time.Duration, op func() error) error {
	for until := time.Now().Add(patience); ; {
		err := op()
		held := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !held || time.Now().After(until) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
