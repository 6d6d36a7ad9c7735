package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

const (
	// defaultWindow is also how many records can be sent a second time after a
	// crash.
	defaultWindow = 64
	// windowBytes bounds the files whose publish is under way. It is the size
	// of the client's own buffer for a lost connection. A larger file is
	// published alone.
	windowBytes = 8 << 20
	// ackWait is the reference release's limit for one acknowledgement.
	ackWait = 30 * time.Second
	// rescanEvery is how often the folder is looked at for files that others
	// have put there, give or take rescanJitter.
	rescanEvery  = 60 * time.Second
	rescanJitter = 10 * time.Second
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
}

func newOptions(opts []Option) (options, error) {
	o := options{
		codec:   JSONEnvelope{},
		log:     slog.New(slog.DiscardHandler),
		backoff: retry.DefaultBackoff(),
		window:  defaultWindow,
		fs:      atomicfile.OS,
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.window < 1 {
		return o, fmt.Errorf("window of %d records, need at least 1", o.window)
	}
	return o, nil
}

// WithCodec sets the form of the files. Default: [JSONEnvelope].
func WithCodec(c Codec) Option { return func(o *options) { o.codec = c } }

// WithBeforeRemove sets what must have succeeded between the acknowledgement of
// a record and the removal of its file. An error keeps the file; the hook, not
// the publish, is tried again after a pause. A process that dies in between
// publishes again. The hook is called from several goroutines at once and
// must end soon after its context has ended. Default: nothing.
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
// same time. Default: 64. With 1, records reach the broker strictly in order.
func WithWindow(n int) Option { return func(o *options) { o.window = n } }

// WithFS replaces the file system, for tests. A file system whose files have no
// descriptor is not locked. Default: [atomicfile.OS].
func WithFS(f atomicfile.FS) Option { return func(o *options) { o.fs = f } }
