package offload

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

const (
	// chunkSize is the contract's, and what nats.go takes by default.
	chunkSize = 128 << 10
	// answerWait is how long one answer may take, as for any record.
	answerWait = 30 * time.Second
	// cleanWait bounds the removal of what is left of an upload.
	cleanWait = 5 * time.Second
	// maxRemains bounds what is remembered of uploads that broke off.
	maxRemains = 1024
)

// JetStream is what an Offloader needs of JetStream.
type JetStream interface {
	retry.ObjectStoreSource
	retry.StreamSource
	outbox.Publisher
}

// uploader writes objects in the form of nats.go's object store: the chunks as
// messages of one subject, then their description as the only message of
// another. The decision for an own one is in agent/adr/0005-offload.md.
type uploader struct {
	js      JetStream
	bucket  string
	payload func() int64
	log     *slog.Logger

	known atomic.Pointer[jetstream.ObjectStore] // nil: to be looked up
	named atomic.Pointer[jetstream.Stream]      // its stream

	mu      sync.Mutex
	remains []string // IDs whose chunks nobody will read
}

// store makes sure that an object holds the text.
func (u *uploader) store(ctx context.Context, key string, t text, file io.ReadSeeker) error {
	u.clean(ctx)
	old, err := u.find(ctx, key)
	if err != nil {
		return fmt.Errorf("look for object: %w", err)
	}
	if old != nil {
		there, err := u.holds(ctx, old, t, file)
		if there || err != nil {
			return err
		}
	}
	if err := u.upload(ctx, key, t, file); err != nil {
		return err
	}
	if old != nil && wire.SubjectSafe(old.NUID) == nil {
		u.forget(ctx, old.NUID)
	}
	return nil
}

// find returns the description of an object, or nil. The store is looked up once
// for as long as it answers.
func (u *uploader) find(ctx context.Context, key string) (object *jetstream.ObjectInfo, err error) {
	store := u.known.Load()
	if store == nil {
		found, err := u.js.ObjectStore(ctx, u.bucket)
		if err != nil {
			return nil, fmt.Errorf("store %s: %w", u.bucket, err)
		}
		store = &found
	}
	object, err = (*store).GetInfo(ctx, key)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		object, err = nil, nil
	}
	if err != nil {
		store = nil
	}
	u.known.Store(store)
	return object, err
}

// holds tells whether an object has the text already, all of it: a description can
// outlive its chunks, or come without them from other software.
func (u *uploader) holds(ctx context.Context, object *jetstream.ObjectInfo, t text, file io.ReadSeeker) (bool, error) {
	named := wire.SubjectSafe(object.NUID) == nil // what is no name has no chunks to be counted
	if object.Size != uint64(t.size) || !named {
		return false, nil
	}
	r, err := t.open(file)
	if err != nil {
		return false, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return false, err
	}
	if object.Digest != jetstream.GetObjectDigestValue(sum) {
		return false, nil
	}
	return u.isWhole(ctx, object)
}

// isWhole tells whether the store has every chunk of an object.
func (u *uploader) isWhole(ctx context.Context, object *jetstream.ObjectInfo) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	stream, err := u.stream(ctx)
	if err != nil {
		return false, err
	}
	subject := u.chunks(object.NUID)
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return false, fmt.Errorf("count chunks: %w", err)
	}
	return info.State.Subjects[subject] == uint64(object.Chunks), nil
}

// upload stores the chunks one after the other, each acknowledged before the
// next, and describes them when all of them are there.
func (u *uploader) upload(ctx context.Context, key string, t text, file io.ReadSeeker) error {
	r, err := t.open(file)
	if err != nil {
		return err
	}
	object := u.newObject(key)
	err = u.putChunks(ctx, object, r)
	if err == nil && object.Size != uint64(t.size) {
		err = errChanged
	}
	if err != nil {
		u.forget(ctx, object.NUID)
		return err
	}
	return u.describe(ctx, object)
}

func (u *uploader) newObject(key string) *jetstream.ObjectInfo {
	return &jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: key, Opts: &jetstream.ObjectMetaOptions{ChunkSize: u.chunkSize()}},
		Bucket:     u.bucket, NUID: rand.Text(),
	}
}

func (u *uploader) chunkSize() uint32 {
	if most := u.payload(); most > 0 && most < chunkSize {
		return uint32(most)
	}
	return chunkSize
}

// putChunks has one chunk on its way while it reads the next.
func (u *uploader) putChunks(ctx context.Context, object *jetstream.ObjectInfo, r io.Reader) error {
	sum := sha256.New()
	next, sent := make([]byte, object.Opts.ChunkSize), make([]byte, object.Opts.ChunkSize)
	answer := make(chan error, 1)
	for {
		n, end := io.ReadFull(r, next)
		if object.Chunks > 0 {
			if err := <-answer; err != nil {
				return fmt.Errorf("store chunk %d: %w", object.Chunks, err)
			}
		}
		if n == 0 || end != nil && !errors.Is(end, io.ErrUnexpectedEOF) {
			object.Digest = jetstream.GetObjectDigestValue(sum)
			return notEnd(end)
		}
		next, sent = sent, next
		object.Chunks++
		object.Size += uint64(n)
		go func() { answer <- u.publish(ctx, &nats.Msg{Subject: u.chunks(object.NUID), Data: sent[:n]}) }()
		_, _ = sum.Write(sent[:n]) // a hash never fails
	}
}

func notEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// describe makes an object of its chunks. Once it is under way nobody can tell
// whether the broker has it, so the chunks stay, unless the broker says no. A store
// that was replaced meanwhile has a description then, and not the chunks.
func (u *uploader) describe(ctx context.Context, object *jetstream.ObjectInfo) error {
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	if err := u.publish(ctx, &nats.Msg{
		Subject: u.meta(object.Name), Data: data,
		Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}},
	}); err != nil {
		if errors.As(err, new(*jetstream.APIError)) {
			u.forget(ctx, object.NUID)
		}
		return fmt.Errorf("store description: %w", err)
	}
	whole, err := u.isWhole(ctx, object)
	if err == nil && !whole {
		err = errors.Join(errIncomplete, u.purge(ctx, u.meta(object.Name))) // nobody is to read it
		u.forget(ctx, object.NUID)
	}
	if err != nil {
		return err
	}
	u.log.Debug("output stored as an object", "store", u.bucket, "object", object.Name, "bytes", object.Size)
	return nil
}

func (u *uploader) publish(ctx context.Context, m *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	_, err := u.js.PublishMsg(ctx, m)
	return err
}

func (u *uploader) chunks(id string) string { return "$O." + u.bucket + ".C." + id }

func (u *uploader) meta(name string) string {
	return "$O." + u.bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

// forget removes chunks that no object has, now or at the next upload: they take
// room from everybody until the store lets go of them by age.
func (u *uploader) forget(ctx context.Context, id string) {
	u.mu.Lock()
	if len(u.remains) < maxRemains {
		u.remains = append(u.remains, id)
	}
	u.mu.Unlock()
	u.clean(ctx)
}

// clean removes what is left of uploads that broke off, for as long as that works.
func (u *uploader) clean(ctx context.Context) {
	for id := u.takeRemains(); id != ""; id = u.takeRemains() {
		if err := u.purge(ctx, u.chunks(id)); err != nil {
			u.mu.Lock()
			u.remains = append(u.remains, id)
			u.mu.Unlock()
			return
		}
	}
}

func (u *uploader) takeRemains() (id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n := len(u.remains); n > 0 {
		id, u.remains = u.remains[n-1], u.remains[:n-1]
	}
	return id
}

func (u *uploader) purge(ctx context.Context, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, cleanWait)
	defer cancel()
	stream, err := u.stream(ctx)
	if err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(subject))
}

// stream is that of the store. It is looked up once: it is a name, which a stream
// that takes the place of another one has, too.
func (u *uploader) stream(ctx context.Context) (jetstream.Stream, error) {
	if s := u.named.Load(); s != nil {
		return *s, nil
	}
	s, err := u.js.Stream(ctx, "OBJ_"+u.bucket)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", u.bucket, err)
	}
	u.named.Store(&s)
	return s, nil
}
