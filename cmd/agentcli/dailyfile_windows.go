package agentcli

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

const (
	// heldPause and heldTries bound how long a file that somebody reads is waited for:
	// two seconds. Whoever fetches the log, or scans it, is done much sooner; lines wait
	// in the queue meanwhile.
	heldPause = 10 * time.Millisecond
	heldTries = 200
)

// moveLog moves a file to the place of another one. Here neither may be open in
// another program, or for a moment in the agent itself.
func moveLog(from, to string) (err error) {
	for range heldTries {
		if err = os.Rename(from, to); err == nil || !heldOpen(err) {
			return err
		}
		time.Sleep(heldPause)
	}
	return err
}

// heldOpen knows the answers for a file that is open; a folder in its place has one of
// them too.
func heldOpen(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}
