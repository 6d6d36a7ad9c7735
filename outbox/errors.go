package outbox

import "errors"

var (
	// ErrClosed is returned by every call after [Outbox.Close], and by a
	// [Outbox.Drain] or [Outbox.Flush] that Close has ended.
	ErrClosed = errors.New("outbox is closed")

	// ErrLocked is returned by [Open] when another process, or another Outbox
	// of this one, has the folder open.
	ErrLocked = errors.New("folder is locked by another process")

	// ErrDraining is returned by [Outbox.Drain] and [Outbox.Flush] while
	// another of them is under way on the same outbox.
	ErrDraining = errors.New("another drain or flush is under way")

	// ErrNotConnected is returned by [Outbox.Flush] when the [WithTransport]
	// connection is down or goes down: nothing is tried then.
	ErrNotConnected = errors.New("not connected")

	// ErrBadRecord is returned by [Outbox.Put] for a record that could never
	// be published: a subject that is not a plain NATS subject, a header name
	// that is not a token, a name that is not UTF-8 or longer than 1 KiB.
	ErrBadRecord = errors.New("bad record")

	// ErrNameTaken is returned by [Outbox.Put] when the only file name that is
	// left for the record is held by something that is not a readable record.
	ErrNameTaken = errors.New("file name is taken by something unreadable")

	// ErrUnreadable marks an error of the [WithLarge] hook: the file is no
	// record and moves to stuck/ as unreadable.
	ErrUnreadable = errors.New("not a record")

	// ErrFull is returned by [Outbox.Put] when a limit of [WithLimit] or
	// [WithFreeDisk] is reached and nothing may be dropped for the record. It
	// passes when records are delivered.
	ErrFull = errors.New("outbox is full")

	// ErrTooLarge is returned by [Outbox.Put] for a record whose file would be
	// larger than [WithMaxRecordBytes] or than the whole of [WithLimit].
	ErrTooLarge = errors.New("record is too large")
)
