package command

import (
	"context"
	"runtime"
)

// inFlightBeside is how many commands may be on their way beside those that run:
// ahead of their slots, and behind them until they are stored.
const inFlightBeside = lookahead + storing

// concurrency is how many commands may run at once now, and what is closed when
// that may change; nil: it never does.
func (cfg *Config) concurrency() (n int, changed <-chan struct{}) {
	n = cfg.Slots
	if n == 0 {
		n = runtime.NumCPU()
	}
	if cfg.Settings == nil {
		return n, nil
	}
	set, changed := cfg.Settings()
	if set.MaxLocalConcurrent > 0 {
		n = set.MaxLocalConcurrent
	}
	return n, changed
}

// followSettings keeps the number of slots at what the settings say until ctx
// ends. With more of them, those that wait start at once; with fewer, what runs
// runs on, and the next ones wait for it.
func (s *Service) followSettings(ctx context.Context) {
	for {
		n, changed := s.concurrency()
		if was := s.perform.slots.size(); n != was {
			s.perform.slots.resize(n)
			s.perform.inFlight.resize(n + inFlightBeside)
			s.log.Info("the number of commands that run at once has changed", "commands", n, "before", was)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
