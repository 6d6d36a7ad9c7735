package command

// Start is the mark of a command that starts now, for the Attempt-th time.
type Start struct {
	Key     Key
	Attempt int
}

// StartAll records the starts durably, all with one sync, and answers for each.
// Unless the answer is nil, that command must not be started.
func (l *Ledger) StartAll(starts []Start) []error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	errs := make([]error, len(starts))
	before := make([]entry, len(starts))
	var ticket uint64
	for i, s := range starts {
		before[i], errs[i] = l.markStart(s, &ticket)
	}
	if err := l.journal.wait(ticket); err != nil {
		for i, s := range starts {
			if errs[i] == nil {
				l.entries[s.Key].state, l.entries[s.Key].starts = before[i].state, before[i].starts
				errs[i] = err
			}
		}
	}
	return errs
}

// markStart returns the entry as it was before.
func (l *Ledger) markStart(s Start, ticket *uint64) (before entry, err error) {
	e, ok := l.entries[s.Key]
	if !ok || e.starts != s.Attempt-1 || e.state != accepted && e.state != started {
		return entry{}, errNotOpen
	}
	t, err := l.append(line{Op: opStart, Key: s.Key, At: l.now(), Attempt: s.Attempt})
	if err != nil {
		return entry{}, err
	}
	before, *ticket = *e, t
	e.state, e.starts = started, s.Attempt
	return before, nil
}
