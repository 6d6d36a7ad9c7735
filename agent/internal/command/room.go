package command

// roomer is the optional ability of a [Sink] to say whether it could take the
// results of what is accepted or started now. An outbox that pushes back is full
// for a while; a command that waits is better off than a result.
type roomer interface {
	// Room returns why there is none, or nil.
	Room() error
}

func roomFor(s Sink) error {
	if r, ok := s.(roomer); ok {
		return r.Room()
	}
	return nil
}

// accept records a batch whose results have room.
func (a *admitter) accept(batch []Admission) error {
	if err := roomFor(a.sink); err != nil {
		return err
	}
	return a.ledger.Record(batch)
}
