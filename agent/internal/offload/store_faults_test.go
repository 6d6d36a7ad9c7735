package offload

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestAStoreThatIsMissing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		text := strings.Repeat("x", maxInline+1)
		_, err := r.load(result(text, ""))
		require.ErrorIs(t, err, jetstream.ErrBucketNotFound)
		require.False(t, retry.IsPermanent(err))
		small, err := r.load(result("small", ""))
		require.NoError(t, err, "what needs no store does not wait for it")
		require.Equal(t, "small", small.Stdout)
		r.create(-1)
		_, err = r.load(result(text, ""))
		require.NoError(t, err)
		require.Equal(t, text, r.object(outKey))
	})
}

// The store refuses what it has no room for; nothing of it stays there.
func TestAStoreThatIsFull(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		text := strings.Repeat("x", 4*chunkSize)
		r.create(1)
		for room, refused := range map[int64]string{1: "chunk 1", chunkSize + 1000: "chunk 2", 4*chunkSize + 400: "description"} {
			r.setMaxBytes(room)
			_, err := r.load(result(text, ""))
			require.ErrorContains(t, err, refused)
			require.False(t, retry.IsPermanent(err))
			require.Zero(t, r.state().Msgs, "room for %d bytes: %v", room, err)
		}
		r.setMaxBytes(-1)
		_, err := r.load(result(text, ""))
		require.NoError(t, err)
		require.Equal(t, text, r.object(outKey))
	})
}

// Whoever cannot tell whether the description was stored must not take the
// chunks away.
func TestALostAcknowledgementOfTheDescription(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		r.create(-1)
		lossy := r.through(&meddling{JetStream: js, publish: func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
			ack, err := js.PublishMsg(ctx, m)
			if err == nil && !isChunk(m) {
				return nil, context.DeadlineExceeded
			}
			return ack, err
		}})
		text := strings.Repeat("x", 2*chunkSize+1)
		_, err := loaded(t, lossy, string(result(text, "").Encode()))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		before := r.state().LastSeq
		got, err := loaded(t, lossy, string(result(text, "").Encode()))
		require.NoError(t, err)
		require.Equal(t, outKey, got.StdoutObject)
		require.Equal(t, before, r.state().LastSeq)
		require.Equal(t, text, r.object(outKey))
	})
}

// What a broken upload has left is removed by the next one.
func TestAConnectionThatEndsMidway(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		r.create(-1)
		ctx, cancel := context.WithCancel(t.Context())
		chunks := 0
		o := r.through(&meddling{JetStream: js, publish: func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
			if chunks++; chunks == 3 {
				cancel()
			}
			return js.PublishMsg(ctx, m)
		}})
		text := strings.Repeat("x", 5*chunkSize)
		file := string(result(text, "").Encode())
		_, err := o.Load(ctx, "", strings.NewReader(file), nil)
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, retry.IsPermanent(err))
		require.Positive(t, r.state().Msgs)
		_, err = loaded(t, o, file)
		require.NoError(t, err)
		require.EqualValues(t, 6, r.state().Msgs)
		require.Equal(t, text, r.object(outKey))
	})
}

func TestABrokerThatDiesMidway(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := broker.JetStream()
	r := newRig(t, js)
	r.create(-1)
	ctx, cancel := context.WithCancel(t.Context())
	chunks := 0
	o := r.through(&meddling{JetStream: js, publish: func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
		if chunks++; chunks == 3 {
			broker.Kill()
			cancel() // as the outbox does when the connection is lost
		}
		return js.PublishMsg(ctx, m)
	}})
	text := strings.Repeat("x", 5*chunkSize)
	file := string(result(text, "").Encode())
	_, err := o.Load(ctx, "", strings.NewReader(file), nil)
	require.Error(t, err)
	require.False(t, retry.IsPermanent(err))
	broker.Start()
	require.Eventually(t, js.Conn().IsConnected, patience, tick)
	_, err = loaded(t, o, file)
	require.NoError(t, err)
	require.Equal(t, text, r.object(outKey))
	require.EqualValues(t, 6, r.state().Msgs, "nothing is left of the first attempt")
}

// The broker loses the store and gets a new one while an upload is under way. An
// object whose first chunks are gone is none.
// replace puts an empty store in the place of the store: a server that has deleted
// a stream may take up its files when it makes it again.
func (r *rig) replace() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		if err := r.js.DeleteObjectStore(r.t.Context(), wire.StoreResultOutput); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return false
		}
		r.create(-1)
		return r.state().Msgs == 0
	}, patience, tick)
}

// fill puts n messages of others into the store.
func (r *rig) fill(n int) {
	r.t.Helper()
	for range n {
		_, err := r.js.PublishMsg(r.t.Context(), &nats.Msg{Subject: "$O.result_output.C.others", Data: []byte("x")})
		require.NoError(r.t, err)
	}
}

// Nothing tells the chunks of the new store from those of the old one: others write
// to it, too, so that its sequences may be any.
func TestAStoreThatIsReplacedMidway(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		const chunks = 4
		for at := 1; at <= chunks; at++ { // at the last, only the description is to come
			r := newRig(t, js)
			r.create(-1)
			sent := 0
			o := r.through(&meddling{JetStream: js, publish: func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
				ack, err := js.PublishMsg(ctx, m)
				if sent++; sent == at {
					r.replace()
					r.fill(at % 2 * 2 * chunks)
				}
				return ack, err
			}})
			text := strings.Repeat("x", chunks*chunkSize)
			_, err := loaded(t, o, string(result(text, "").Encode()))
			require.ErrorIs(t, err, errIncomplete, "after chunk %d", at)
			require.False(t, retry.IsPermanent(err))
			require.LessOrEqual(t, r.state().NumSubjects, uint64(1), "nothing is left but what others wrote")
			_, err = loaded(t, o, string(result(text, "").Encode()))
			require.NoError(t, err)
			require.Equal(t, text, r.object(outKey))
			require.NoError(t, js.DeleteObjectStore(t.Context(), wire.StoreResultOutput))
		}
	})
}

// A description that outlives its chunks, or that other software has written
// without them, says that the object is there.
func TestAnObjectWithoutItsChunksIsSentAgain(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		r.create(-1)
		res := result(strings.Repeat("x", 4*chunkSize), "")
		_, err := r.load(res)
		require.NoError(t, err)
		stream, err := js.Stream(t.Context(), "OBJ_"+wire.StoreResultOutput)
		require.NoError(t, err)
		require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSequence(2))) // the first chunk
		_, err = r.load(res)
		require.NoError(t, err)
		require.Equal(t, res.Stdout, r.object(outKey))
		require.Equal(t, uint64(5), r.state().Msgs, "nothing is left of the old one")
	})
}

func TestScriptedFaultsAreTriedAgain(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, op := range []string{jstest.OpObjectStore, jstest.OpObjectRead, jstest.OpPublish} {
		fake := jstest.NewFake()
		r := newRig(t, fake.JetStream())
		r.create(-1)
		fake.Fail(op, broken, 1)
		res := result(strings.Repeat("x", maxInline+1), "")
		_, err := r.load(res)
		require.ErrorIs(t, err, broken, op)
		require.False(t, retry.IsPermanent(err), op)
		_, err = r.load(res)
		require.NoError(t, err, op)
	}
}

// changing is a file that somebody cuts short between two looks at it.
type changing struct {
	*strings.Reader
	later string
}

func (c *changing) Seek(offset int64, whence int) (int64, error) {
	c.Reset(c.later)
	return c.Reader.Seek(offset, whence)
}

func TestAFileThatChangesIsNoObject(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, js stores) {
		r := newRig(t, js)
		r.create(-1)
		file := func(n int) string { // the host comes last, so that the text has to be read twice
			return `{"result_id":"id","request_id":"req","exit_code":0,"stdout":"` + strings.Repeat("x", n) +
				`","stderr":"","started_at":"2031-03-04T04:59:30Z","finished_at":"2031-03-04T04:59:30Z","pc_id":"PC-1"}`
		}
		_, err := r.Load(t.Context(), "", &changing{strings.NewReader(file(3 * chunkSize)), file(2*chunkSize + 1)}, nil)
		require.ErrorIs(t, err, errChanged)
		require.False(t, retry.IsPermanent(err))
		require.Zero(t, r.state().Msgs)
		_, err = loaded(t, r.Offloader, file(3*chunkSize))
		require.NoError(t, err)
		require.Len(t, r.object(outKey), 3*chunkSize)
	})
}
