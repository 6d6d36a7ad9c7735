package offload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

const (
	// maxInline is the contract's: a stream with more bytes travels as an object.
	maxInline = 256 << 10
	// usualPayload is a server's default for its largest message, and what is
	// assumed while nobody knows better.
	usualPayload = 1 << 20
	// headRoom is what the headers of a result take beside its ID.
	headRoom = 128
	// FileThreshold is the size of the smallest file that may need an Offloader:
	// it is below the largest message of any server that the contract works
	// with.
	FileThreshold = 64 << 10
)

// Offloader makes the messages of large results.
type Offloader struct {
	uploader
	payload func() int64
	record  func(data []byte) (outbox.Record, error)
}

// New returns an Offloader that stores what is too large in js. Payload says how
// large a message the broker takes, 0 while that is not known. Record makes the
// outbox record of a result's JSON.
func New(js JetStream, payload func() int64, record func(data []byte) (outbox.Record, error), log *slog.Logger) *Offloader {
	return &Offloader{
		uploader: uploader{js: js, bucket: wire.StoreResultOutput, payload: payload, log: log},
		payload:  payload, record: record,
	}
}

// Load makes the record of a result in a file; it is an [outbox.LoadFunc]. An
// error is permanent when the file holds no result, or one that no upload makes
// small enough.
func (o *Offloader) Load(ctx context.Context, _ string, file io.ReadSeeker, _ fs.FileInfo) (outbox.Record, error) {
	u := uploads{uploader: &o.uploader}
	defer u.abandon(ctx)
	doc, err := scan(file, func(d *document, i int, text io.Reader) (int64, error) { return u.text(ctx, d, i, text) })
	if err != nil {
		return outbox.Record{}, final(err)
	}
	keys, err := o.choose(doc)
	if err != nil {
		return outbox.Record{}, fmt.Errorf("offload: result of request %.80q: %w", doc.RequestID, err)
	}
	for i, key := range keys {
		if err := u.finish(ctx, i, key, doc.texts[i], file); err != nil {
			return outbox.Record{}, fmt.Errorf("offload: store %s of request %.80q: %w", fieldNames[i], doc.RequestID, err)
		}
	}
	data, err := doc.splice(file, keys)
	if err != nil {
		return outbox.Record{}, fmt.Errorf("offload: read result: %w", err)
	}
	r, err := o.record(data)
	return r, final(err)
}

// final marks the errors of a file that will never be a result.
func final(err error) error {
	if errors.Is(err, wire.ErrDecode) {
		return fmt.Errorf("%w: %w", outbox.ErrUnreadable, err)
	}
	return err
}

// choose returns the keys of the streams that have to go: those that are larger
// than the contract allows, and then the larger one for as long as the message
// does not fit.
func (o *Offloader) choose(d *document) (keys [streams]string, err error) {
	for i, t := range d.texts {
		if t.size > maxInline {
			keys[i] = d.key(i)
		}
	}
	known := o.payload()
	limit := known
	if limit <= 0 {
		limit = usualPayload
	}
	limit -= int64(headRoom + len(d.ResultID))
	for d.encoded(keys) > limit {
		i := d.largest(keys)
		if i < 0 {
			break
		}
		keys[i] = d.key(i)
	}
	if n := d.encoded(keys); known > 0 && n > limit {
		return keys, retry.Permanent(fmt.Errorf("%w: %d bytes, and the broker takes %d", errTooLarge, n, limit))
	}
	return keys, nil
}

// largest returns the stream that takes most of the message, or -1 when none
// takes more than its pointer would.
func (d *document) largest(keys [streams]string) int {
	best, most := -1, int64(0)
	for i, t := range d.texts {
		if keys[i] == "" && t.raw > max(most, int64(len(d.point(i, d.key(i)).with))) {
			best, most = i, t.raw
		}
	}
	return best
}

// key names the object of a stream. The host is part of it: all hosts of a
// command to many have the same request ID.
func (d *document) key(i int) string {
	return keyPart(d.RequestID) + "/" + keyPart(d.PCID) + "/" + fieldNames[i]
}

const hashedPrefix = "sha256-"

// keyPart returns a name as it is when no other name can be taken for it.
func keyPart(name string) string {
	if wire.SubjectSafe(name) == nil && !strings.Contains(name, "/") && !strings.HasPrefix(name, hashedPrefix) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hashedPrefix + hex.EncodeToString(sum[:])
}
