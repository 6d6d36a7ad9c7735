package outbox

import (
	"context"
	"errors"
	"io/fs"

	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// repairedAgain is the repair after one that was killed at any step: it finds all
// that was done, durable or not, and the power can fail after each of its steps.
func (c crashFolder) repairedAgain(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	var broken error
	disk := steppedFS{m, func() {
		if broken == nil {
			broken = check(c.underWay())
		}
	}}
	return inTurn(
		func() error { return repairAll(disk) },
		func() error { return broken },
		func() error { return check(c.repaired()) },
	)
}

// requeuedAgain is somebody who asks again after a requeue that was killed. Who
// finds the record pending has nothing to do, and was promised nothing.
func (c crashFolder) requeuedAgain(m *faultfs.Mutant, check func(faultfs.Promise) error) error {
	r, err := Inspect(crashBox, WithFS(m), WithCodec(resultCodec{}))
	if err != nil {
		return err
	}
	_, err = r.Requeue(context.Background(), Entry{File: "stuck/x.json", Name: "x", Stuck: true})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return check(c.requeued(false))
	}
	return errors.Join(err, check(c.requeued(err == nil)))
}
