package schedule

// Owns reports whether a request is, or may be, a run of this scheduler whose end it
// waits for.
func (s *Service) Owns(requestID string) bool {
	if !s.stateRead.Load() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.runs[requestID]
	return ok
}

// maxEarly bounds what is remembered while nobody knows what was in flight.
const maxEarly = 10_000

// Finished takes the exit code of a run, or of what stands for one. The command
// path calls it before it stores the result: what was done once is on disk before
// anybody can see that it was. Requests of others are ignored.
func (s *Service) Finished(requestID string, exitCode int32) {
	now := s.now()
	s.mu.Lock()
	early := !s.stateRead.Load()
	if early && exitCode == 0 && len(s.early) < maxEarly {
		if s.early == nil {
			s.early = map[string]moment{}
		}
		s.early[requestID] = now
	}
	s.mu.Unlock()
	if !early {
		s.finish(requestID, exitCode, now)
	}
}

func (s *Service) finish(requestID string, exitCode int32, now moment) {
	f, was := s.remove(requestID)
	if !was || f.Key == "" {
		return
	}
	defer signal(s.wake)
	if exitCode != 0 {
		s.counters.failed.Add(1)
		if f.Object != "" {
			signal(s.objectsWake) // the object may be another by now
		}
		return
	}
	s.counters.succeeded.Add(1)
	s.complete(f, now)
}

// complete records that a job was done. When the clock is set back, the state knows
// when that was; it comes first, since without it the cooldown would be over early.
func (s *Service) complete(f flight, now moment) {
	s.done.set(f.Completion, now.wall)
	if now.behind() > 0 {
		s.mu.Lock()
		s.doneAt[f.Completion], s.dirty = stamp{now.wall, now.counted}, true
		s.mu.Unlock()
	}
	if !f.Once {
		return
	}
	if now.behind() > 0 {
		if err := s.saveState(); err != nil {
			s.told.failFile(stateName, err, "it is tried again")
		}
	}
	if err := s.done.save(); err != nil {
		s.told.failFile(CompletionsFile, err, "it is tried again")
	}
}
