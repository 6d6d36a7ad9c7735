package outbox

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

const (
	// defaultWindow is also how many records can be sent a second time after a
	// crash.
	defaultWindow = 256
	// windowBytes bounds the files whose publish is under way. It is the size
	// of the client's own buffer for a lost connection. A larger file is
	// published alone.
	windowBytes = 8 << 20
	// ackWait is the reference release's limit for one acknowledgement.
	ackWait = 30 * time.Second
	// rescanEvery is how often the folder is looked at for files that others
	// have put there.
	rescanEvery = 60 * time.Second
	// minBeat keeps an until that has no time left from looking all the time.
	minBeat = time.Second
	// overtakenAfter is how long a record without an answer keeps its place in
	// the window although later ones have theirs.
	overtakenAfter = time.Second
	// defaultQuarantineAfter refusals with the default backoff take 14 minutes.
	defaultQuarantineAfter = 10
	// stuckEvery is how often a record in quarantine is tried, give or take
	// stuckJitter.
	stuckEvery  = 24 * time.Hour
	stuckJitter = time.Hour
	// maxLoads is how many large files are read at a time.
	maxLoads = 4
)

// Option changes a default of [Open].
type Option func(*options)

type options struct {
	codec        Codec
	beforeRemove func(context.Context, Record) error
	log          *slog.Logger
	backoff      retry.Backoff
	transport    retry.Transport
	window       int
	fs           atomicfile.FS
	limits       limits
	quarantine   int // refusals
	threshold    int64
	loadLarge    LoadFunc
	beat         func(every time.Duration) time.Duration
}

// LoadFunc makes the record of a large file; see [WithLarge].
type LoadFunc func(ctx context.Context, name string, file io.ReadSeeker, info fs.FileInfo) (Record, error)

func newOptions(opts []Option) (options, error) {
	o := options{
		codec:   JSONEnvelope{},
		log:     slog.New(slog.DiscardHandler),
		backoff: retry.DefaultBackoff(),
		window:  defaultWindow,
		fs:      atomicfile.OS,
		beat:    func(every time.Duration) time.Duration { return every },

		quarantine: defaultQuarantineAfter,
	}
	for _, opt := range opts {
		opt(&o)
	}
	return o, o.check()
}

func (o options) check() error {
	l := o.limits
	switch {
	case o.window < 1:
		return fmt.Errorf("window of %d records, need at least 1", o.window)
	case l.records < 0 || l.bytes < 0 || l.freeDisk < 0 || l.record < 0:
		return fmt.Errorf("a limit is negative: %d records, %d bytes, %d bytes a record, %d bytes of free disk",
			l.records, l.bytes, l.record, l.freeDisk)
	case l.overflow != OverflowReject && l.overflow != OverflowDropOldest:
		return fmt.Errorf("unknown overflow policy %d", l.overflow)
	case o.quarantine < 1 || o.quarantine > math.MaxUint16:
		return fmt.Errorf("quarantine after %d refusals, need 1 to %d", o.quarantine, math.MaxUint16)
	case o.loadLarge != nil && o.threshold < 1:
		return fmt.Errorf("threshold of %d bytes for large files, need at least 1", o.threshold)
	}
	return nil
}

// WithCodec sets the form of the files. Default: [JSONEnvelope].
func WithCodec(c Codec) Option { return func(o *options) { o.codec = c } }

// WithBeforeRemove sets what must have succeeded between the acknowledgement of
// a record and the removal of its file. An error keeps the file; the hook, not
// the publish, is tried again after a pause. A process that dies in between
// publishes again. The hook is called from several goroutines at once and
// must end soon after its context has ended. A panic counts as an error. Default:
// nothing.
func WithBeforeRemove(hook func(context.Context, Record) error) Option {
	return func(o *options) { o.beforeRemove = hook }
}

// WithLogger sets where the outbox reports. Default: nowhere.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// WithBackoff sets the pauses between two tries of one record. Default:
// [retry.DefaultBackoff].
func WithBackoff(b retry.Backoff) Option { return func(o *options) { o.backoff = b } }

// WithTransport lets the outbox see the connection that its publisher uses.
// While it is down nothing is tried, nothing counts as a failure and nothing
// piles up in the client's buffers; a connect starts every pending record at
// once. Strongly recommended: without it, a publish before the first connect
// fails because of its header, and each try while disconnected leaves a copy in
// the client's buffer.
func WithTransport(t retry.Transport) Option { return func(o *options) { o.transport = t } }

// WithWindow sets how many publishes may wait for their acknowledgement at the
// same time. Default: 256. With 1, records reach the broker strictly in order.
func WithWindow(n int) Option { return func(o *options) { o.window = n } }

// WithFS replaces the file system, for tests. A file system whose files have no
// descriptor is not locked. Default: [atomicfile.OS].
func WithFS(f atomicfile.FS) Option { return func(o *options) { o.fs = f } }

// WithBeat has the folder looked at, for files that others have put there, in moments
// that until names: how long it is to the next of those that are every apart, above 0.
// The outboxes of one process that share them wake it once. Nil, the default: every
// from the last look.
func WithBeat(until func(every time.Duration) time.Duration) Option {
	return func(o *options) {
		if until != nil {
			o.beat = until
		}
	}
}

// WithLimit bounds the folder, stuck/ included: the number of its records and
// the bytes of their files. Zero: no limit, which is the default of both. What
// others put into the folder counts, but is never refused.
func WithLimit(records int, bytes int64) Option {
	return func(o *options) { o.limits.records, o.limits.bytes = records, bytes }
}

// WithFreeDisk sets how many bytes of the disk must stay free for others: a Put
// that would leave less finds the outbox full. With [OverflowDropOldest] records
// are dropped only when that can bring the disk back to the floor. For root the
// reserve of the file system counts as free. Default: 0, no floor.
func WithFreeDisk(floor int64) Option { return func(o *options) { o.limits.freeDisk = floor } }

// WithMaxRecordBytes bounds the file of one record; a larger one is refused with
// [ErrTooLarge]. Default: 0, no limit.
func WithMaxRecordBytes(n int) Option { return func(o *options) { o.limits.record = int64(n) } }

// WithOverflow sets what a Put does when the outbox is full. Default:
// [OverflowReject].
func WithOverflow(p Overflow) Option { return func(o *options) { o.limits.overflow = p } }

// WithQuarantineAfter sets how often in a row a record may be refused, or left
// without an answer, while others are delivered in between, before it moves to
// stuck/. Failures that say nothing of the record (no connection, no stream for
// its subject, a full stream) do not count. Default: 10.
func WithQuarantineAfter(refusals int) Option { return func(o *options) { o.quarantine = refusals } }

// WithLarge lets load make the records of files above threshold bytes, in place
// of the codec's Decode, so that such a file is never read into memory: load
// streams the bulk of it elsewhere and returns a small record that points
// there. file is positioned at its start and valid until load returns; name is
// the file's name without ".json" and must not be trusted. What is empty in the
// record is filled in as after a Decode.
//
// An error is tried again like one of the broker's and does not count towards
// quarantine, unless it is marked with [retry.Permanent] or wraps
// [ErrUnreadable]: then the file moves to stuck/, as refused or as unreadable. A
// panic counts as a permanent error. load must do no harm when it is
// repeated; it is called from up to 4 goroutines at once, with a context that
// ends with the connection.
// A [Codec] that also has the method
//
//	Verify(name string, file io.Reader) error
//
// is asked in place of Decode when a Put finds such a file in its way.
func WithLarge(threshold int64, load LoadFunc) Option {
	return func(o *options) { o.threshold, o.loadLarge = threshold, load }
}
