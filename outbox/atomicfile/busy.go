package atomicfile

import "time"

const (
	// busyFirst and busyMax bound the pauses between two tries, busyTotal
	// their sum. A scanner lets go after some milliseconds, or after it has
	// read a large file; what is still held after a minute is not a scanner.
	busyFirst = time.Millisecond
	busyMax   = 2 * time.Second
	busyTotal = 60 * time.Second
)

// whileBusy repeats op, with growing pauses, as long as its error says that
// somebody else holds the file. It returns the last error.
func whileBusy(busy func(error) bool, op func() error) error {
	pause, left := busyFirst, busyTotal
	for {
		err := op()
		if err == nil || !busy(err) || left <= 0 {
			return err
		}
		pause = min(pause, left)
		time.Sleep(pause)
		left -= pause
		pause = min(2*pause, busyMax)
	}
}
