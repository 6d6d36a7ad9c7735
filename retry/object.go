package retry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrObjectTooLarge says that an object has more bytes than the caller takes.
var ErrObjectTooLarge = errors.New("retry: object is too large")

// ErrObjectDamaged says that what is stored of an object is not what its description promises: a chunk is missing, there
// are more bytes, or they have another SHA-256 (then the error is jetstream.ErrDigestMismatch too).
var ErrObjectDamaged = errors.New("retry: object is damaged")

// chunkTimeout is the deadline of one request of ReadObject, unless WithAttemptTimeout says otherwise. A chunk of 128 KiB
// is 175 KiB on the wire, so that a line of 6 KiB/s still gets it.
const chunkTimeout = 30 * time.Second

// ReadObject reads an object of an object store, chunk by chunk, and returns its description after the last byte when
// number and SHA-256 of the bytes are as described. Until then nothing that was written may be used.
//
// begin gets the description before the first byte, and returns where to write; its error ends the read and is returned,
// marked as permanent. It is called again, for a new beginning, when the object was replaced while it was read: at once the
// first time, then after the pauses of WithBackoff.
//
// Each chunk is one request with a deadline of its own, 30 s (WithAttemptTimeout), tried again as Forever does. A broker that
// dies midway, with or without its data, a lost reply or a frozen connection therefore cost the chunk that was on its way,
// and the read goes on after the last one that arrived. In memory is one chunk at a time. Nothing is left behind on the
// server: no consumer is involved.
//
// A store or an object that does not exist is waited for, unless WithMissingIsAnswer is given. Permanent errors are those of
// WaitForObjectStore, ErrObjectDamaged, and a description that makes no sense (jetstream.ErrBadObjectMeta) or is a link
// (jetstream.ErrCantGetBucket): links are not followed.
func ReadObject(ctx context.Context, src ObjectReader, bucket, name string,
	begin func(*jetstream.ObjectInfo) (io.Writer, error), opts ...Option,
) (*jetstream.ObjectInfo, error) {
	opts = append([]Option{WithAttemptTimeout(chunkTimeout)}, opts...)
	r := &objectRead{src: src, bucket: bucket, name: name, begin: begin, opts: opts, o: newOptions(opts)}
	var incomplete string // object that has lost a chunk
	for replaced := 1; ; {
		if err := r.describe(ctx); err != nil {
			return nil, err
		}
		if r.info.NUID == incomplete {
			return nil, r.fail(fmt.Errorf("%w: %d of %d bytes are there", ErrObjectDamaged, r.size, r.info.Size))
		}
		switch err := r.copy(ctx); {
		case err == nil:
			return r.info, nil
		case errors.Is(err, jetstream.ErrMsgNotFound):
			incomplete = r.info.NUID // or it was replaced: the description tells
			if err := r.calm(ctx, replaced); err != nil {
				return nil, err
			}
			replaced++
		case !errors.Is(err, jetstream.ErrBucketNotFound):
			return nil, err
		}
	}
}

// ReadObjectBytes is ReadObject into memory. An object of more than limit bytes is refused before its first byte is read, with
// ErrObjectTooLarge, marked as permanent.
func ReadObjectBytes(ctx context.Context, src ObjectReader, bucket, name string, limit int64, opts ...Option) ([]byte, error) {
	var data bytes.Buffer
	_, err := ReadObject(ctx, src, bucket, name, func(info *jetstream.ObjectInfo) (io.Writer, error) {
		if info.Size > uint64(max(limit, 0)) {
			return nil, fmt.Errorf("%w: it has %d bytes, the limit is %d", ErrObjectTooLarge, info.Size, limit)
		}
		data.Reset()
		return &data, nil
	}, opts...)
	if err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// objectRead is one call of ReadObject.
type objectRead struct {
	src          ObjectReader
	bucket, name string
	begin        func(*jetstream.ObjectInfo) (io.Writer, error)
	opts         []Option
	o            options

	// Of the object that is being read:
	info   *jetstream.ObjectInfo
	to     io.Writer
	digest hash.Hash
	size   uint64
	next   uint64 // sequence in the store from which the next chunk is looked for
}

func (r *objectRead) what() string { return "object " + r.bucket + "/" + r.name }

// fail marks an error that no attempt can cure.
func (r *objectRead) fail(err error) error {
	return fmt.Errorf("retry: read %s: %w", r.what(), Permanent(err))
}

// describe waits for the object's description and prepares for its first byte.
func (r *objectRead) describe(ctx context.Context) (err error) {
	r.info, err = waitFor(ctx, r.what(), "OBJ_"+r.bucket, func(ctx context.Context) (*jetstream.ObjectInfo, error) {
		return whileConnected(ctx, r.o.transport, func(ctx context.Context) (*jetstream.ObjectInfo, error) {
			info, err := r.src.ObjectInfo(ctx, r.bucket, r.name)
			return info, r.classify(err)
		})
	}, r.opts)
	if err != nil {
		return err
	}
	if r.info.Opts != nil && r.info.Opts.Link != nil {
		return r.fail(fmt.Errorf("%w: it is a link", jetstream.ErrCantGetBucket))
	}
	return nil
}

func (r *objectRead) classify(err error) error {
	missing := errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
	if missing && r.o.missing || errors.Is(err, jetstream.ErrBadObjectMeta) || errors.Is(err, jetstream.ErrNameRequired) {
		return Permanent(err)
	}
	return err
}

// copy reads the object that r.info describes.
func (r *objectRead) copy(ctx context.Context) (err error) {
	if r.to, err = r.begin(r.info); err != nil {
		return r.fail(err)
	}
	r.digest, r.size, r.next = sha256.New(), 0, 1
	for r.size < r.info.Size {
		chunk, err := r.chunk(ctx)
		if err != nil {
			return err
		}
		if err := r.take(chunk); err != nil {
			return r.fail(err)
		}
	}
	want, err := jetstream.DecodeObjectDigest(r.info.Digest)
	if err != nil {
		return r.fail(fmt.Errorf("%w: %w", jetstream.ErrBadObjectMeta, err))
	}
	if !bytes.Equal(r.digest.Sum(nil), want) {
		return r.fail(fmt.Errorf("%w: %w", ErrObjectDamaged, jetstream.ErrDigestMismatch))
	}
	return nil
}

// errReplaced is why a read that begins anew waits.
var errReplaced = errors.New("it was replaced again while it was read")

// calm pauses, the longer the more often the object was replaced: who writes faster than this reads would else be raced with
// for ever. The first time costs nothing.
func (r *objectRead) calm(ctx context.Context, replaced int) error {
	if replaced < 2 {
		return nil
	}
	wait := r.o.backoff.Jittered(replaced - 1)
	p := progress{what: r.what(), log: r.o.log, onAttempt: r.o.onAttempt, failures: replaced - 2}
	p.failed(ctx, errReplaced, wait)
	if _, err := r.o.pause(ctx, wait, nil); err != nil {
		return &endedError{r.what(), err, errReplaced}
	}
	return nil
}

func (r *objectRead) take(chunk ObjectChunk) error {
	r.next = chunk.Sequence + 1
	r.size += uint64(len(chunk.Data))
	if r.size > r.info.Size {
		return fmt.Errorf("%w: more than %d bytes are there", ErrObjectDamaged, r.info.Size)
	}
	r.digest.Write(chunk.Data)
	_, err := r.to.Write(chunk.Data)
	return err
}

// chunk returns the next chunk as soon as the broker gives it.
func (r *objectRead) chunk(ctx context.Context) (ObjectChunk, error) {
	return forever(ctx, r.what(), func(ctx context.Context) (ObjectChunk, error) {
		chunk, err := whileConnected(ctx, r.o.transport, func(ctx context.Context) (ObjectChunk, error) {
			return r.src.ObjectChunk(ctx, r.bucket, r.info.NUID, r.next)
		})
		if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) {
			return chunk, Permanent(err) // what is described is not there: the description has to be read again
		}
		return chunk, classify(err)
	}, r.o)
}
