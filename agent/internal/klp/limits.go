package klp

import "time"

// limits are what a client may cost.
type limits struct {
	header    time.Duration // for a handshake, from the connection on
	frame     time.Duration // for a frame to be whole, from its first byte on; and for one to be written
	idle      time.Duration // between frames of a client without a subscription
	lastWrite time.Duration // for what is being written at the end

	waiting       int // connections without a handshake
	perUser       int // connections of a user, after the handshake
	total         int // connections after the handshake
	ending        int // connections beyond those, that were pushed out and end
	subscriptions int // of a connection

	burst int           // requests of a user at once
	every time.Duration // one more of them
	pause time.Duration // after a refusal
	users int           // whose requests are counted

	evaluate time.Duration // between two looks at the host
	look     time.Duration // between two looks at the endpoint
	disk     time.Duration // for the disk to answer
}

// defaultLimits: 60 requests a minute is what the protocol has always promised.
// Every other number is above what a program with a window needs.
var defaultLimits = limits{
	header: 10 * time.Second, frame: 10 * time.Second, idle: 10 * time.Minute, lastWrite: time.Second,
	waiting: 16, perUser: 8, total: 64, ending: 16, subscriptions: 16,
	burst: 60, every: time.Second, pause: 250 * time.Millisecond, users: 1024,
	evaluate: 30 * time.Second, look: time.Minute, disk: 2 * time.Second,
}

func (l limits) orDefaults() limits {
	if l == (limits{}) {
		return defaultLimits
	}
	return l
}
