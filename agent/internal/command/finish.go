package command

import (
	"context"
	"fmt"
	"time"
)

// Finish records that the command's result is in the outbox. It does not wait
// for the disk: whoever removes the result does, in WaitFinished.
func (l *Ledger) Finish(key Key) error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	e, ok := l.entries[key]
	if !ok || e.state == finished {
		return nil
	}
	ticket, err := l.append(line{Op: opFinish, Key: key, At: l.now(), Stamp: e.stamp})
	if err != nil {
		return err
	}
	l.backlog -= int64(len(e.body) + len(e.result))
	e.state, e.closed, e.body, e.result = finished, ticket, nil, nil
	l.changed.Broadcast()
	return nil
}

// finishPause is how long the sync of a finish waits for one that somebody is in
// a hurry for. Until then an acknowledged result stays on disk, and nobody waits
// for that.
const finishPause = 50 * time.Millisecond

// WaitFinished returns nil once the command is finished and that is on disk.
// A command that the ledger does not know (a file that another release left)
// has nothing to wait for, unless the ledger has just forgotten it.
func (l *Ledger) WaitFinished(ctx context.Context, key Key) error {
	stop := context.AfterFunc(ctx, l.wakeAll)
	defer stop()
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	for {
		e, ok := l.entries[key]
		switch {
		case !ok:
			return l.waitShared(l.forgot)
		case e.state == finished:
			return l.waitShared(e.closed)
		case ctx.Err() != nil:
			return fmt.Errorf("command: wait for the ledger to close a command: %w", ctx.Err())
		case l.journal.closed:
			return errJournalClosed
		}
		l.changed.Wait()
	}
}

// waitShared is called with the lock held.
func (l *Ledger) waitShared(ticket uint64) error {
	l.journal.linger(ticket, finishPause)
	return l.journal.wait(ticket)
}

func (l *Ledger) wakeAll() {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	l.changed.Broadcast()
}
