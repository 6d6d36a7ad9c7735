package offload

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	patience = 60 * time.Second
	tick     = 5 * time.Millisecond
)

var errBadDisk = errors.New("the disk is bad")

// stores is what the tests need of JetStream, real or fake.
type stores interface {
	JetStream
	CreateObjectStore(ctx context.Context, cfg jetstream.ObjectStoreConfig) (jetstream.ObjectStore, error)
	DeleteObjectStore(ctx context.Context, bucket string) error
	UpdateStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error)
}

// onBoth runs a test on the fake and on a real broker.
func onBoth(t *testing.T, test func(t *testing.T, js stores)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		test(t, jstest.NewFake().JetStream())
	})
	t.Run("broker", func(t *testing.T) {
		t.Parallel()
		test(t, jstest.StartBroker(t).JetStream())
	})
}

// rig is an Offloader with its store.
type rig struct {
	*Offloader
	t       *testing.T
	js      stores
	payload int64
}

func newRig(t *testing.T, js stores) *rig {
	t.Helper()
	r := &rig{t: t, js: js, payload: 1 << 20}
	r.Offloader = r.through(js)
	return r
}

// through is another Offloader of the same store.
func (r *rig) through(js JetStream) *Offloader {
	return New(js, func() int64 { return r.payload }, record, slog.New(slog.DiscardHandler))
}

func record(data []byte) (outbox.Record, error) {
	res, err := wire.DecodeResult(data)
	return outbox.Record{Name: res.RequestID, MsgID: res.ResultID, Subject: wire.ResultSubject(res.RequestID), Data: data}, err
}

func (r *rig) create(maxBytes int64) {
	r.t.Helper()
	_, err := r.js.CreateObjectStore(r.t.Context(), jetstream.ObjectStoreConfig{
		Bucket: wire.StoreResultOutput, TTL: 30 * 24 * time.Hour, MaxBytes: maxBytes,
	})
	require.NoError(r.t, err)
}

// load loads a result from a file.
func (r *rig) load(res wire.Result) (wire.Result, error) {
	r.t.Helper()
	return loaded(r.t, r.Offloader, string(res.Encode()))
}

func loaded(t *testing.T, o *Offloader, file string) (wire.Result, error) {
	t.Helper()
	rec, err := o.Load(t.Context(), "name", strings.NewReader(file), fs.FileInfo(nil))
	if err != nil {
		return wire.Result{}, err
	}
	res, err := wire.DecodeResult(rec.Data)
	require.NoError(t, err)
	require.Equal(t, outbox.Record{
		Name: res.RequestID, MsgID: res.ResultID, Subject: wire.ResultSubject(res.RequestID), Data: rec.Data,
	}, rec)
	return res, nil
}

// object reads an object; its digest is checked on the way.
func (r *rig) object(key string) string {
	r.t.Helper()
	store, err := r.js.ObjectStore(r.t.Context(), wire.StoreResultOutput)
	require.NoError(r.t, err)
	text, err := store.GetString(r.t.Context(), key)
	require.NoError(r.t, err)
	return text
}

// state is that of the store's stream.
func (r *rig) state() jetstream.StreamState {
	r.t.Helper()
	stream, err := r.js.Stream(r.t.Context(), "OBJ_"+wire.StoreResultOutput)
	require.NoError(r.t, err)
	return stream.CachedInfo().State
}

func (r *rig) setMaxBytes(n int64) {
	r.t.Helper()
	stream, err := r.js.Stream(r.t.Context(), "OBJ_"+wire.StoreResultOutput)
	require.NoError(r.t, err)
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = n
	_, err = r.js.UpdateStream(r.t.Context(), cfg)
	require.NoError(r.t, err)
}

// meddling is a JetStream whose publishes go through a function.
type meddling struct {
	JetStream
	publish func(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error)
}

func (m *meddling) PublishMsg(ctx context.Context, msg *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return m.publish(ctx, msg)
}

func isChunk(m *nats.Msg) bool { return strings.HasPrefix(m.Subject, "$O.result_output.C.") }

// result is one with these streams.
func result(stdout, stderr string) wire.Result {
	at := time.Unix(1, 0).UTC()
	return wire.Result{
		ResultID: wire.ResultID("req", "PC-1"), RequestID: "req", PCID: "PC-1", ExitCode: 3, Stdout: stdout, Stderr: stderr,
		StartedAt: at, FinishedAt: at, ManifestID: "job",
	}
}

// big is a file with n bytes of stdout that takes no memory.
func big(n int64) *io.SectionReader {
	before, after, _ := strings.Cut(string(result("*", "").Encode()), "*")
	return io.NewSectionReader(&bigFile{before, after, n}, 0, int64(len(before)+len(after))+n)
}

type bigFile struct {
	before, after string
	n             int64
}

const bigLine = "a line of output is about as long as this one, which has 64.  \\n"

func (b *bigFile) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		at := off + int64(i) - int64(len(b.before))
		switch {
		case at < 0:
			p[i] = b.before[off+int64(i)]
		case at < b.n:
			p[i] = bigLine[at%int64(len(bigLine))]
		default:
			n := copy(p[i:], b.after[at-b.n:])
			if i+n < len(p) {
				return i + n, io.EOF
			}
			return len(p), nil
		}
	}
	return len(p), nil
}
