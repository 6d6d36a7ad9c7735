//go:build unix && !linux

package outbox

// placeNew gives a file of the folder a name that nothing holds. It keeps the old one, too.
func placeNew(dir, from, to string) (both bool, err error) {
	err = linkOwn(dir, from, to)
	return err == nil, err
}
