package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// Requeue moves stuck records back among the pending ones and returns how many.
// It needs no lock: an [Outbox.Drain] under way in another process finds them
// within a minute, any other at its start. Each record is in at least one of the two
// places at any moment, also after a power cut, and never takes the place of
// another: when its file name is held by a pending record, which goes first, the
// error is an [fs.ErrExist]. Entries that are pending already are passed over.
//
// A record that was being delivered from quarantine just then is delivered twice,
// under the same message ID. So is one that a death or a power cut in the middle
// leaves in both places; [Reader.Repair] removes such a copy. On a file system
// without hard links the move is one rename, and a power cut beside a running
// agent, or one that has started after a death in the middle, can undo the half of
// it that was not synced unless that file system has a journal.
//
// The first error ends it; what has been moved stays moved.
func (r *Reader) Requeue(ctx context.Context, entries ...Entry) (moved int, err error) {
	var moves []move
	for _, e := range entries {
		if err = ctx.Err(); err != nil {
			break
		}
		if !e.Stuck {
			continue
		}
		m, failed := r.requeue(e)
		if failed != nil {
			err = fmt.Errorf("outbox: requeue %q: %w", e.Name, failed)
			break
		}
		moves = append(moves, m)
	}
	moved, failed := r.settle(moves)
	if failed != nil {
		err = errors.Join(err, fmt.Errorf("outbox: requeue: %w", failed))
	}
	for _, m := range moves[:moved] {
		r.box.removeReason(m.from)
	}
	return moved, err
}

func (r *Reader) requeue(e Entry) (move, error) {
	m, err := r.moveNew(e.File, path.Base(e.File))
	if errors.Is(err, fs.ErrExist) {
		return move{}, fmt.Errorf("a pending record has that file name, and goes first: %w", fs.ErrExist)
	}
	return m, err
}
