package natskit

import (
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// noticeWithin is how soon a frozen broker is noticed on a connection of our own.
	noticeWithin = (pingsOut + 1) * pingInterval
	// longestWrite is how long a write may hold up everything else on a connection.
	longestWrite = 5 * time.Second
)

// setting is one of a borrowed connection that breaks a promise of the agent.
type setting struct {
	option string // of nats.go, with what to give it
	value  any
	breaks string
}

// unfit names the settings of a borrowed connection that break promises.
func unfit(o *nats.Options) []setting {
	var found []setting
	unless := func(fit bool, s setting) {
		if !fit {
			found = append(found, s)
		}
	}
	unless(o.AllowReconnect, setting{"leave out nats.NoReconnect", "no reconnect", "a connection that is lost ends the agent"})
	unless(o.MaxReconnect < 0, setting{"nats.MaxReconnects(-1)", o.MaxReconnect, "the agent ends when the broker is away for longer than so many attempts"})
	unless(o.RetryOnFailedConnect, setting{"nats.RetryOnFailedConnect(true)", false, "the program does not come up while the broker is away"})
	unless(o.IgnoreAuthErrorAbort, setting{"nats.IgnoreAuthErrorAbort()", false, "the agent ends when the broker has refused its credentials twice"})
	noticed := time.Duration(o.MaxPingsOut+1) * o.PingInterval
	unless(0 < o.PingInterval && noticed <= noticeWithin, setting{
		"nats.PingInterval(15*time.Second) with nats.MaxPingsOutstanding(2)", noticed,
		"a broker that is frozen is noticed that late",
	})
	unless(0 < o.FlusherTimeout && o.FlusherTimeout <= longestWrite, setting{
		"nats.FlusherTimeout(2*time.Second)", o.FlusherTimeout,
		"a write to a broker that does not read holds up the connection for so long; calls into it are given up after 2s",
	})
	return found
}

// Warn logs each setting that is unfit. It reads what nats.go does not change
// after the connect.
func (b *Borrowed) Warn(log *slog.Logger) {
	for _, s := range unfit(&b.nc.Opts) {
		log.Warn("a setting of the connection that was brought along breaks a promise of the agent", "set", s.option, "is", s.value, "consequence", s.breaks)
	}
}
