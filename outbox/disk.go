package outbox

type diskError struct {
	dir string
	err error
}

func (e *diskError) Error() string { return "free disk space of " + e.dir + ": " + e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }
