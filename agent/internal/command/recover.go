package command

import (
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// Recover queues what a restart owes and returns how many commands that is. It
// is called once, before anything is admitted.
func (s *Service) Recover() (int, error) {
	owed := s.ledger.Unfinished()
	for _, r := range owed {
		if err := s.recover(r); err != nil {
			return 0, fmt.Errorf("command: take up what the last run left: %w", err)
		}
	}
	return len(owed), nil
}

func (s *Service) recover(r Recovered) error {
	c, err := wire.DecodeCommand(r.Body)
	switch {
	case r.Result != nil:
		s.verdicts.push(r.Key, time.Time{}, 1)
	case r.Starts == 0:
		s.runs.arm(c.ExecID, r.Key)
		s.queue.push(r.Key, s.stillDue(r, c), 1)
	case err == nil && s.repeatable(c.Shell):
		s.runs.arm(c.ExecID, r.Key)
		s.queue.push(r.Key, time.Time{}, r.Starts+1)
	default:
		return s.reportInterrupted(r, c)
	}
	return nil
}

func (s *Service) reportInterrupted(r Recovered, c wire.Command) error {
	s.log.Warn("a command was interrupted by the restart and is reported, not run again",
		"request_id", c.RequestID, "job", c.ID)
	result := interruptedResult(c, s.perform.pcID, r.At, s.now())
	if err := s.ledger.Conclude(r.Key, result.Encode()); err != nil {
		return err
	}
	s.verdicts.push(r.Key, time.Time{}, 1)
	return nil
}

// stillDue keeps a jitter whose end has not passed. One that lies further ahead
// than the command allows comes from a clock that was set back.
func (s *Service) stillDue(r Recovered, c wire.Command) time.Time {
	jitter := time.Duration(min(c.JitterSecs, maxJitter)) * time.Second
	now := s.now() // its monotonic part keeps the wait free of further steps
	return now.Add(min(r.Due.Sub(now), jitter))
}

func (s *Service) repeatable(shell string) bool {
	sh, ok := s.shells[shell]
	return ok && sh.Repeatable()
}
