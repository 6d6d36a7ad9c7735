package offload

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/nats-io/nats.go/jetstream"
)

// uploads are those of one Load. A large stream is sent while the file is read
// for the first time, if it can be: the names that its key is made of stand in
// front of it, and there is no object of that key. It becomes an object when the
// whole file has turned out to be a result.
type uploads struct {
	*uploader
	begun [streams]*jetstream.ObjectInfo // chunks without a description
	head  []byte
}

// text is a sink.
func (u *uploads) text(ctx context.Context, d *document, i int, text io.Reader) (int64, error) {
	if u.head == nil {
		u.head = make([]byte, maxInline+1)
	}
	n, err := io.ReadFull(text, u.head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return int64(n), nil
	}
	if err != nil {
		return 0, err
	}
	text = io.MultiReader(bytes.NewReader(u.head), text)
	fresh, err := u.fresh(ctx, d, i)
	switch {
	case err != nil:
		return 0, err
	case !fresh:
		return measure(d, i, text)
	}
	u.begun[i] = u.newObject(d.key(i))
	err = u.putChunks(ctx, u.begun[i], text)
	return int64(u.begun[i].Size), err
}

// fresh tells whether the key of a stream is known and nothing has it.
func (u *uploads) fresh(ctx context.Context, d *document, i int) (bool, error) {
	if d.RequestID == "" || d.PCID == "" || u.begun[i] != nil {
		return false, nil
	}
	u.clean(ctx)
	old, err := u.find(ctx, d.key(i))
	return old == nil, err
}

// finish makes sure that a stream has its object, if it has to have one.
func (u *uploads) finish(ctx context.Context, i int, key string, t text, file io.ReadSeeker) error {
	object := u.begun[i]
	switch {
	case key == "":
		return nil
	case object == nil || object.Name != key:
		return u.store(ctx, key, t, file)
	}
	u.begun[i] = nil
	return u.describe(ctx, object)
}

// abandon removes what did not become an object.
func (u *uploads) abandon(ctx context.Context) {
	for _, object := range u.begun {
		if object != nil {
			u.forget(ctx, object.NUID)
		}
	}
}
