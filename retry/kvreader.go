package retry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrViewTooLarge says that the watched keys hold more than MaxViewBytes: narrow the keys.
var ErrViewTooLarge = errors.New("retry: the watched keys hold too much")

// MaxViewBytes bounds what one view holds, keys and values.
const MaxViewBytes = 64 << 20

// KVReader is what WatchKV needs of a connection; DirectReader is the real one. One that has a ReadKey as DirectReader has is
// asked by it for what its other answers leave open.
type KVReader interface {
	// ReadKV reads from a bucket. jetstream.ErrBucketNotFound says that nobody answers for it.
	ReadKV(ctx context.Context, q KVQuery) (KVSnapshot, error)

	// HintKV calls hint, without waiting for it to be read, after each write to a key that matches one of the patterns; an
	// empty key stands for any. A hint is no proof: the write may have been refused, and a read right after it may not see
	// it yet. HintKV returns when the server has heard of the subscriptions, is not connected, or ctx ends.
	HintKV(ctx context.Context, bucket string, patterns []string, hint func(key string)) (KVHints, error)
}

// KVQuery says what to read.
type KVQuery struct {
	Bucket  string
	Keys    []string      // exact keys or patterns
	Mark    bool          // read only the bucket's mark; Keys are not looked at
	Timeout time.Duration // for each answer of the server; DefaultAttemptTimeout unless it is positive
}

// KVSnapshot is what was read.
type KVSnapshot struct {
	Entries  map[string]Entry // the keys that have a value
	Mark     KVMark           // for a query that asks for it, and as it was before a read of several requests
	Newest   KVMark           // the newest message that was read, ends of keys included; zero if there was none
	Requests int              // what it took
	Bytes    int              // of all messages that were read, the ends of keys included
	Denied   []Denial         // subjects that were refused although the read went well in another way
}

// KVMark identifies the newest message of a bucket and with it the bucket's incarnation: in a re-created bucket the same
// sequence has another time. The zero KVMark is an empty bucket.
type KVMark struct {
	Sequence uint64
	Time     time.Time
	Subject  string
}

// KVHints is one HintKV.
type KVHints interface {
	// Denied returns the subscriptions that the server has refused so far on this connection.
	Denied() []Denial

	// Stop ends the hints and returns after the last call of hint has returned.
	Stop() error
}

// DirectReader reads buckets by direct gets, which any replica answers and for which the server keeps nothing. It follows
// the abilities of its Transport: with OnDenied it learns of a refusal at once, with Flush it knows when a subscription
// stands, with MaxPayload it keeps requests small enough.
//
// It publishes to $JS.API.DIRECT.GET.KV_<bucket>. Where that is refused, keys without wildcards are read one by one through
// $JS.API.DIRECT.GET.KV_<bucket>.$KV.<bucket>.<key>, as the readers of nats.go do. It subscribes to $KV.<bucket>.<pattern>,
// or to $KV.<bucket>.> for more than 64 patterns, and receives answers on the connection's inbox prefix.
//
// One request reads up to 1,024 keys; the ends of deleted and purged keys count. Above that, and above 1 MiB, it goes page
// by page, and takes a bucket that was re-created meanwhile for an error. Servers before 2.11 are asked key by key.
// Messages that are not of the bucket or were not asked for are errors, never values. MaxViewBytes is the limit of all.
type DirectReader struct {
	t       Transport
	refused refusals
}

// NewKVReader reads buckets through t, which must not be nil. It does no I/O and holds nothing to close.
func NewKVReader(t Transport) *DirectReader { return &DirectReader{t: t} }

// State is the Transport's: WatchKV reads again after a reconnect.
func (r *DirectReader) State() (connected bool, changed <-chan struct{}) { return r.t.State() }

// ReadKV implements KVReader. Beside what the Transport returns there are jetstream.ErrInvalidBucketName,
// jetstream.ErrInvalidKey, jetstream.ErrBucketNotFound (nobody answers: no such bucket, not yet, or one without direct
// get), nats.ErrPermissionViolation and ErrViewTooLarge.
func (r *DirectReader) ReadKV(ctx context.Context, q KVQuery) (KVSnapshot, error) {
	read := &kvRead{r: r, bucket: q.Bucket, timeout: q.Timeout, entries: map[string]kvMessage{}}
	if read.timeout <= 0 {
		read.timeout = DefaultAttemptTimeout
	}
	if err := read.run(ctx, q); err != nil {
		if errors.Is(err, nats.ErrNoResponders) {
			err = fmt.Errorf("%w: %w", jetstream.ErrBucketNotFound, err)
		}
		return KVSnapshot{Requests: read.requests}, fmt.Errorf("retry: read kv %s: %w", q.Bucket, err)
	}
	return read.snapshot(), nil
}

// kvRead is one ReadKV.
type kvRead struct {
	r        *DirectReader
	bucket   string
	timeout  time.Duration
	patterns []string
	mark     KVMark
	entries  map[string]kvMessage // by key, ends of keys included
	requests int
	bytes    int
	denied   []Denial
}

func (k *kvRead) run(ctx context.Context, q KVQuery) error {
	if err := checkBucket(q.Bucket); err != nil {
		return err
	}
	if q.Mark {
		return k.readMark(ctx)
	}
	for _, pattern := range q.Keys {
		if err := checkPattern(pattern); err != nil {
			return err
		}
	}
	k.patterns = disjoint(q.Keys)
	return k.readKeys(ctx)
}

// readKeys goes from the cheapest way of reading to the ones that always work.
func (k *kvRead) readKeys(ctx context.Context) error {
	if len(k.patterns) == 0 {
		return nil
	}
	err := k.readPatterns(ctx, k.patterns)
	switch {
	case errors.Is(err, errUnsupported):
		return k.readSingly(ctx)
	case errors.Is(err, nats.ErrPermissionViolation) && allExact(k.patterns):
		return k.readBySubject(ctx, err)
	}
	return err
}

// add keeps m unless a later message of its key is known: pages may overlap with writes.
func (k *kvRead) add(m kvMessage) error {
	key, err := m.keyOf(k.bucket, k.patterns)
	if err != nil {
		return err
	}
	known, has := k.entries[key]
	if has && known.entry.Revision > m.entry.Revision {
		return nil
	}
	if !has {
		k.bytes += len(key)
	}
	k.bytes += len(m.entry.Value) - len(known.entry.Value)
	if k.bytes > MaxViewBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrViewTooLarge, MaxViewBytes)
	}
	k.entries[key] = m
	return nil
}

func (k *kvRead) snapshot() KVSnapshot {
	var newest KVMark
	for _, m := range k.entries {
		newest = newest.later(m.mark())
	}
	maps.DeleteFunc(k.entries, func(_ string, m kvMessage) bool { return m.gone })
	live := make(map[string]Entry, len(k.entries))
	for key, m := range k.entries {
		live[key] = m.entry
	}
	return KVSnapshot{Entries: live, Mark: k.mark, Newest: newest, Requests: k.requests, Bytes: k.bytes, Denied: k.denied}
}
