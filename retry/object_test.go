package retry_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// storehouse is an object store on a real broker, and a reader that counts its requests and can be interrupted.
type storehouse struct {
	*testing.T
	broker *jstest.Broker
	store  jetstream.ObjectStore
	retry.Transport
	retry.ObjectReader
	chunks atomic.Int64
	before func(chunk int64) // called before each request for a chunk
}

func (s *storehouse) ObjectChunk(ctx context.Context, bucket, nuid string, from uint64) (retry.ObjectChunk, error) {
	if n := s.chunks.Add(1); s.before != nil {
		s.before(n)
	}
	return s.ObjectReader.ObjectChunk(ctx, bucket, nuid, from)
}

func newStorehouse(t *testing.T, opts ...nats.Option) *storehouse {
	t.Helper()
	s := &storehouse{T: t, broker: jstest.StartBroker(t)}
	s.createStore()
	s.connect(s.broker.Connect(append([]nats.Option{nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})}, opts...)...))
	return s
}

func (s *storehouse) connect(nc *nats.Conn) {
	s.Transport = retry.FromNATS(nc)
	s.ObjectReader = retry.NewObjectReader(s.Transport)
}

func (s *storehouse) createStore() {
	s.Helper()
	var err error
	s.store, err = s.broker.JetStream().CreateObjectStore(within(s.T), jetstream.ObjectStoreConfig{Bucket: "scripts"})
	require.NoError(s, err)
}

// put stores an object of this many chunks of 1 KiB.
func (s *storehouse) put(name string, chunks int) []byte {
	s.Helper()
	data := make([]byte, chunks<<10)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	_, err := s.store.Put(within(s.T), jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: 1 << 10}}, bytes.NewReader(data))
	require.NoError(s, err)
	return data
}

func (s *storehouse) read(name string, limit int64, opts ...retry.Option) ([]byte, error) {
	opts = append([]retry.Option{
		retry.WithTransport(s.Transport), retry.WithBackoff(retry.Backoff{Min: 20 * time.Millisecond, Max: time.Second, Factor: 2}),
	}, opts...)
	return retry.ReadObjectBytes(within(s.T), s, "scripts", name, limit, opts...)
}

func TestReadObjectReadsWhatWasPut(t *testing.T) {
	t.Parallel()
	s := newStorehouse(t)
	for name, chunks := range map[string]int{"empty": 0, "one": 1, "many": 100, "in folders/ü *": 3} {
		data := s.put(name, chunks)
		s.chunks.Store(0)
		got, err := s.read(name, 1<<20)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
		require.EqualValues(t, chunks, s.chunks.Load(), "one request for each chunk")
	}
	stream, err := s.broker.JetStream().Stream(within(t), "OBJ_scripts")
	require.NoError(t, err)
	require.Zero(t, stream.CachedInfo().State.Consumers)
}

// Each interruption comes in the middle of the read. What has arrived is not asked for again.
func TestReadObjectGoesOnAfterAnInterruption(t *testing.T) {
	t.Parallel()
	const chunks, at = 40, 20
	for what, c := range map[string]struct {
		interrupt func(*storehouse, *jstest.Proxy)
		most      int64
	}{
		"broker killed":    {func(s *storehouse, _ *jstest.Proxy) { s.broker.Kill(); s.broker.Start() }, chunks + 5},
		"broker restarted": {func(s *storehouse, _ *jstest.Proxy) { s.broker.Restart() }, chunks + 5},
		"connection cut":   {func(_ *storehouse, p *jstest.Proxy) { p.Cut() }, chunks + 5},
		"replies lost": {func(s *storehouse, p *jstest.Proxy) {
			p.LoseReplies()
			time.AfterFunc(200*time.Millisecond, p.Cut)
		}, chunks + 5},
		"network frozen": {func(s *storehouse, p *jstest.Proxy) {
			p.Freeze()
			time.AfterFunc(500*time.Millisecond, p.Thaw)
		}, chunks + 10},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStorehouse(t)
			proxy := jstest.StartProxy(t, s.broker.URL())
			s.connect(connectVia(t, proxy))
			data := s.put("big", chunks)
			s.before = func(n int64) {
				if n == at {
					c.interrupt(s, proxy)
				}
			}
			begins := 0
			var got bytes.Buffer
			begun := time.Now()
			_, err := retry.ReadObject(within(t), s, "scripts", "big", func(*jetstream.ObjectInfo) (io.Writer, error) {
				begins++
				return &got, nil
			}, retry.WithTransport(s.Transport), retry.WithBackoff(retry.Backoff{Min: 20 * time.Millisecond, Max: time.Second}),
				retry.WithAttemptTimeout(300*time.Millisecond))
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got.Bytes()))
			require.Equal(t, 1, begins, "it was not read from the start again")
			require.LessOrEqual(t, s.chunks.Load(), c.most)
			t.Logf("%s: read in %s with %d requests for %d chunks", what, time.Since(begun).Round(time.Millisecond), s.chunks.Load(), chunks)
		})
	}
}

func TestReadObjectBeginsAnewWhenTheObjectWasReplaced(t *testing.T) {
	t.Parallel()
	for what, replace := range map[string]func(s *storehouse) []byte{
		"overwritten": func(s *storehouse) []byte { return s.put("a", 7) },
		"deleted and put again": func(s *storehouse) []byte {
			require.NoError(s, s.store.Delete(within(s.T), "a"))
			return s.put("a", 9)
		},
		"broker wiped and filled again": func(s *storehouse) []byte {
			s.broker.Kill()
			s.broker.Wipe()
			s.broker.Start()
			s.createStore()
			return s.put("a", 11)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStorehouse(t)
			s.put("a", 20)
			var want []byte
			s.before = func(n int64) {
				if n == 10 {
					want = replace(s)
				}
			}
			got, err := s.read("a", 1<<20)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got))
		})
	}
}

func TestReadObjectWaitsForWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	s := &storehouse{T: t, broker: b}
	s.connect(b.Connect())
	got := make(chan []byte, 1)
	failures := make(chan error, 1000)
	go func() {
		data, err := s.read("later", 1<<20, retry.WithOnAttempt(func(a retry.Attempt) {
			if a.Err != nil {
				failures <- a.Err
			}
		}))
		if err != nil {
			data = []byte(err.Error())
		}
		got <- data
	}()
	require.ErrorIs(t, <-failures, jetstream.ErrBucketNotFound)
	s.createStore()
	for err := range failures {
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			break
		}
	}
	data := s.put("later", 3)
	require.True(t, bytes.Equal(data, <-got))
}

func TestReadObjectReturnsWhatIsMissingIfAskedTo(t *testing.T) {
	t.Parallel()
	s := newStorehouse(t)
	_, err := s.read("missing", 1<<20, retry.WithMissingIsAnswer())
	require.ErrorIs(t, err, jetstream.ErrObjectNotFound)
	require.True(t, retry.IsPermanent(err))
	s.put("deleted", 1)
	require.NoError(t, s.store.Delete(within(t), "deleted"))
	_, err = s.read("deleted", 1<<20, retry.WithMissingIsAnswer())
	require.ErrorIs(t, err, jetstream.ErrObjectNotFound)
	_, err = retry.ReadObjectBytes(within(t), s, "elsewhere", "a", 1, retry.WithMissingIsAnswer())
	require.ErrorIs(t, err, jetstream.ErrBucketNotFound)
	require.True(t, retry.IsPermanent(err))
	for _, bucket := range []string{"", "a.b", "*", "a b"} {
		_, err = retry.ReadObjectBytes(within(t), s, bucket, "a", 1)
		require.ErrorIs(t, err, jetstream.ErrInvalidStoreName, bucket)
	}
	_, err = s.read("", 1)
	require.ErrorIs(t, err, jetstream.ErrNameRequired)
}

func TestReadObjectRefusesWhatIsTooLargeBeforeReadingIt(t *testing.T) {
	t.Parallel()
	s := newStorehouse(t)
	s.put("a", 2)
	_, err := s.read("a", 2<<10-1)
	require.ErrorIs(t, err, retry.ErrObjectTooLarge)
	require.True(t, retry.IsPermanent(err))
	require.ErrorContains(t, err, "object scripts/a")
	require.Zero(t, s.chunks.Load())
	_, err = s.read("a", 2<<10)
	require.NoError(t, err)
	_, err = s.read("a", -1)
	require.ErrorIs(t, err, retry.ErrObjectTooLarge)
}

func TestReadObjectKeepsTheErrorOfItsWriter(t *testing.T) {
	t.Parallel()
	s := newStorehouse(t)
	s.put("a", 2)
	full := errors.New("disk full")
	_, err := retry.ReadObject(within(t), s, "scripts", "a", func(*jetstream.ObjectInfo) (io.Writer, error) { return failing{full}, nil })
	require.ErrorIs(t, err, full)
	_, err = retry.ReadObject(within(t), s, "scripts", "a", func(*jetstream.ObjectInfo) (io.Writer, error) { return nil, full })
	require.ErrorIs(t, err, full)
	require.True(t, retry.IsPermanent(err))
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// What a hostile or broken writer may have stored.
func TestReadObjectReportsDamage(t *testing.T) {
	t.Parallel()
	s := newStorehouse(t)
	js := s.broker.JetStream()
	stream, err := js.Stream(within(t), "OBJ_scripts")
	require.NoError(t, err)
	nuid := func(name string) string {
		info, err := s.store.GetInfo(within(t), name)
		require.NoError(t, err)
		return info.NUID
	}
	describe := func(name, text string) {
		meta := &nats.Msg{Subject: "$O.scripts.M." + encoded(name), Data: []byte(text), Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}
		_, err := js.PublishMsg(within(t), meta)
		require.NoError(t, err)
	}
	const digest = "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="
	s.put("short", 3)
	require.NoError(t, stream.Purge(within(t), jetstream.WithPurgeSubject("$O.scripts.C."+nuid("short")), jetstream.WithPurgeKeep(2)))
	s.put("long", 3)
	describe("long", fmt.Sprintf(`{"name":"long","nuid":%q,"size":2000,"digest":%q}`, nuid("long"), digest))
	s.put("other", 3)
	describe("other", fmt.Sprintf(`{"name":"other","nuid":%q,"size":3072,"digest":%q}`, nuid("other"), digest))
	describe("undigested", `{"name":"undigested","nuid":"x","size":0,"digest":"MD5=abc"}`)
	describe("unread", `{"name":`)
	describe("wild", `{"name":"wild","nuid":">","size":1}`)
	describe("nameless", `{"name":"nameless","size":1}`)
	describe("link", `{"name":"link","nuid":"x","options":{"link":{"bucket":"scripts","name":"short"}}}`)
	for name, want := range map[string]error{
		"short": retry.ErrObjectDamaged, "long": retry.ErrObjectDamaged, "other": jetstream.ErrDigestMismatch,
		"undigested": jetstream.ErrBadObjectMeta, "unread": jetstream.ErrBadObjectMeta, "wild": jetstream.ErrBadObjectMeta,
		"nameless": jetstream.ErrBadObjectMeta, "link": jetstream.ErrCantGetBucket,
	} {
		_, err := s.read(name, 1<<20)
		require.ErrorIs(t, err, want, name)
		require.True(t, retry.IsPermanent(err), name)
		require.ErrorContains(t, err, "object scripts/"+name)
	}
}

// The role of an agent has one permission for objects.
func TestReadObjectNeedsOnePermission(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, jstest.WithConfig(`
		no_auth_user: admin
		authorization { users: [
			{user: admin, password: admin},
			{user: agent, password: agent, permissions: {
				publish: ["$JS.API.STREAM.MSG.GET.OBJ_scripts"], subscribe: ["_INBOX.>", "$JS.EVENT.ADVISORY.>"] }},
		] }`))
	s := &storehouse{T: t, broker: b}
	s.createStore()
	data := s.put("a", 5)
	s.connect(b.Connect(nats.UserInfo("agent", "agent")))
	got, err := s.read("a", 1<<20)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}

func TestReadObjectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newStorehouse(t)
	s.put("a", 20)
	ctx, cancel := context.WithCancel(within(t))
	s.before = func(n int64) {
		if n == 10 {
			s.broker.Pause() // a request would wait for long
			cancel()
		}
	}
	_, err := retry.ReadObjectBytes(ctx, s, "scripts", "a", 1<<20, retry.WithTransport(s.Transport))
	s.broker.Resume()
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, retry.IsPermanent(err))
}

func encoded(name string) string { return base64.URLEncoding.EncodeToString([]byte(name)) }

// replacedForEver is an object that is replaced whenever somebody has begun to read it.
type replacedForEver struct{ described int }

func (r *replacedForEver) ObjectInfo(context.Context, string, string) (*jetstream.ObjectInfo, error) {
	r.described++
	return &jetstream.ObjectInfo{NUID: fmt.Sprint(r.described), Size: 2}, nil
}

func (r *replacedForEver) ObjectChunk(_ context.Context, _, _ string, from uint64) (retry.ObjectChunk, error) {
	if from > 1 {
		return retry.ObjectChunk{}, jetstream.ErrMsgNotFound
	}
	return retry.ObjectChunk{Data: []byte("x"), Sequence: 1}, nil
}

func TestReadObjectDoesNotRaceWithAWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		src, began, told := &replacedForEver{}, time.Now(), 0
		var second time.Duration
		_, err := retry.ReadObject(ctx, src, "o", "x", func(*jetstream.ObjectInfo) (io.Writer, error) {
			require.Less(t, src.described, 1000)
			if src.described == 2 {
				second = time.Since(began)
			}
			return io.Discard, nil
		}, retry.WithOnAttempt(func(a retry.Attempt) {
			if a.Wait > 0 {
				told++
			}
		}))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "replaced")
		require.Zero(t, second, "once is no race")
		require.InDelta(t, 20, src.described, 8, "as often as the default pauses let it")
		require.Equal(t, src.described-1, told)
	})
}
