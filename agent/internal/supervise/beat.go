package supervise

import "time"

// UntilBeat returns how long it is to the next whole multiple of every on the clock:
// parts that look at something on this host now and then do so together, and an idle
// host is woken once for all of them. What goes to the broker has a time of its own.
func UntilBeat(every time.Duration) time.Duration {
	return every - time.Duration(time.Now().UnixNano())%every
}
