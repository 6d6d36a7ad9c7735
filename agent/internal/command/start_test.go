package command

// Start marks one command.
func (l *Ledger) Start(key Key, attempt int) error {
	return l.StartAll([]Start{{Key: key, Attempt: attempt}})[0]
}
