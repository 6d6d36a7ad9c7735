package update

import (
	"context"
	"log/slog"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Config is what updates need from the agent.
type Config struct {
	Install Install
	// Name and Version are of the program that runs; OS and Arch are the wire's names
	// of its platform.
	Name, Version, OS, Arch string

	Keys Keyring
	// AllowUnsigned takes a release without a manifest although there are keys.
	AllowUnsigned bool
	// Floor is the oldest version that is taken; empty: any.
	Floor string

	Objects   retry.ObjectReader
	Transport retry.Transport
	// Settings are those of now, and what is closed when they change.
	Settings func() (wire.EffectiveConfig, <-chan struct{})
	// Fresh says that the broker has been asked for them.
	Fresh func() bool
	// SelfTest starts an executable, which says who it is and what it could do.
	SelfTest func(ctx context.Context, executable string) (Report, error)
	// Free is the free space of the disk of a folder, in bytes.
	Free func(folder string) (uint64, error)
	// Healthy is nil when the agent does its work. An error that matches [ErrUnclear]
	// may well be the broker's fault.
	Healthy func() error
	// Observe is told of what becomes of releases.
	Observe func(kind string, payload map[string]string)
	// FormerStaging is where the agent that this one replaces has put what it fetched;
	// empty: nowhere.
	FormerStaging string
	// Drain is how long the agent may take to stop for an update; 2 min at least.
	Drain time.Duration
	// Guard ends the process where the agent hangs; nil: it does not.
	Guard *Guard
	// Step is told of each step before it is taken; nil: nobody.
	Step   func(name string)
	Times  Times
	Now    func() time.Time
	Logger *slog.Logger
}

// Times are the times of updates; a zero has the default named at it.
type Times struct {
	ConfirmAfter  time.Duration // a release must be healthy for so long on end; 1 min
	ConfirmWithin time.Duration // else the last good one is asked whether it could do better; 10 min
	GiveUp        time.Duration // and taken back after that where it does not say; 24 h
	Retry         time.Duration // first pause after a failure; 15 s, up to 1 h
	RetryTried    time.Duration // first pause after a release that was taken back, then double; 1 h
	DowngradeWait time.Duration // an older version must be wanted for so long; 1 min
	SelfTest      time.Duration // a release may take for its self-test; 1 min
}

func (t Times) withDefaults() Times {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&t.ConfirmAfter, time.Minute},
		{&t.ConfirmWithin, 10 * time.Minute},
		{&t.GiveUp, 24 * time.Hour},
		{&t.Retry, 15 * time.Second},
		{&t.RetryTried, time.Hour},
		{&t.DowngradeWait, time.Minute},
		{&t.SelfTest, time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	return t
}

// look is how often the health of a release is asked for.
func (t Times) look() time.Duration { return min(time.Second, max(t.ConfirmAfter/4, time.Millisecond)) }
