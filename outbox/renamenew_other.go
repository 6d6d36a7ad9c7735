//go:build unix && !linux

package outbox

func renameNew(from, to string) error { return linkNew(from, to) }
