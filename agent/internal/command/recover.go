package command

import (
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// Recover queues what a restart owes and returns how many commands that is. It
// is called once, before anything is admitted. It does not need the ledger to be
// writable.
func (s *Service) Recover() int {
	owed := s.ledger.Unfinished()
	for _, r := range owed {
		s.recover(r)
	}
	return len(owed)
}

func (s *Service) recover(r Recovered) {
	c, err := wire.DecodeCommand(r.Body)
	switch {
	case r.Result != nil:
		s.verdicts.push(r.Key, time.Time{}, 1)
	case r.Starts == 0:
		s.runs.arm(c.ExecID, r.Key)
		s.queue.pushBy(c.DeadlineAt, r.Key, s.stillDue(r, c), 1)
	case err == nil && s.repeatable(c.Shell):
		s.runs.arm(c.ExecID, r.Key)
		s.queue.pushBy(c.DeadlineAt, r.Key, time.Time{}, r.Starts+1)
	default:
		s.reportInterrupted(r, c)
	}
}

// reportInterrupted owes the result for as long as the ledger cannot take it: an
// agent whose disk is full has to start all the same.
func (s *Service) reportInterrupted(r Recovered, c wire.Command) {
	s.log.Warn("a command was interrupted by the restart and is reported, not run again",
		"request_id", c.RequestID, "job", c.ID)
	result := interruptedResult(c, s.perform.pcID, r.At, s.now())
	if s.perform.settle(item{key: r.Key, attempt: 1, owed: &result}) {
		s.verdicts.push(r.Key, time.Time{}, 1)
	}
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
