package scripts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestAScriptIsFetchedOnceAndNeedsNoBrokerThen(t *testing.T) {
	p := newPlace(t)
	for object, script := range map[string]string{
		"job/1": "echo hello", "job/empty": "", "in folders/ü *>": "Grüße, Welt\r\n", "../../etc/passwd": "echo one",
		"job/large": strings.Repeat("0123456789abcde\n", MaxScript/16),
	} {
		p.reader.infos.Store(0)
		got, err := p.get(object, p.put(object, script))
		require.NoError(t, err, object)
		require.Equal(t, sumOf(script), sumOf(got), object)
		require.EqualValues(t, 1, p.reader.infos.Load())
	}
	require.Len(t, p.files(), 5)
	p.broker.Kill()
	for _, restart := range []func(){func() {}, p.reopen} {
		restart()
		p.isHere("job/1", "echo hello")
		p.isHere("another name", "echo one")
		require.NoError(t, p.Prefetch(within(t), "job/1", sumOf("echo hello")))
	}
}

// No wait would change any of these.
func TestWhatCanNeverRunIsSaidAtOnce(t *testing.T) {
	p := newPlace(t)
	right := p.put("job/1", "echo hello")
	notText := p.put("job/binary", "echo \xff\xfe")
	tooLarge := p.put("job/large", strings.Repeat("x", MaxScript+1))
	deleted := p.put("job/deleted", "echo gone")
	require.NoError(t, p.store.Delete(within(t), "job/deleted"))
	_, err := p.store.AddLink(within(t), "job/link", mustInfo(t, p, "job/1"))
	require.NoError(t, err)
	for what, c := range map[string]struct {
		object, digest string
		want           error
	}{
		"missing":           {"job/2", right, ErrMissing},
		"deleted":           {"job/deleted", deleted, ErrMissing},
		"wrong digest":      {"job/1", strings.Repeat("0", 64), ErrDigest},
		"not text":          {"job/binary", notText, ErrNotText},
		"too large":         {"job/large", tooLarge, ErrTooLarge},
		"link":              {"job/link", right, jetstream.ErrCantGetBucket},
		"no digest":         {"job/1", "", ErrName},
		"digest in capital": {"job/1", strings.ToUpper(right), ErrName},
		"digest is a path":  {"job/1", "../" + right[3:], ErrName},
		"short digest":      {"job/1", right[1:], ErrName},
		"no name":           {"", right, ErrName},
		"endless name":      {strings.Repeat("x", MaxName+1), right, ErrName},
		"name is not text":  {"job/\xff", right, ErrName},
	} {
		p.reader.chunks.Store(0)
		before := p.Status().Refused
		_, err := p.get(c.object, c.digest)
		require.ErrorIs(t, err, c.want, what)
		require.ErrorContains(t, err, fmt.Sprintf("%.80q", c.object), what)
		require.ErrorIs(t, p.Prefetch(within(t), c.object, c.digest), c.want, what)
		require.Equal(t, before+2, p.Status().Refused, what)
		if !errors.Is(c.want, ErrNotText) {
			require.Zero(t, p.reader.chunks.Load(), "%s: read although it is not wanted", what)
		}
	}
	require.Empty(t, p.files())
}

func mustInfo(t *testing.T, p *place, object string) *jetstream.ObjectInfo {
	t.Helper()
	info, err := p.store.GetInfo(within(t), object)
	require.NoError(t, err)
	return info
}

func TestAFetchGoesOnWhereTheBrokerDied(t *testing.T) {
	p := newPlace(t)
	script := randomText(40 << 10)
	digest := p.putChunks("job/1", script)
	p.reader.before = func(n int64) {
		if n == 20 {
			p.broker.Kill()
			p.broker.Start()
		}
	}
	got, err := p.get("job/1", digest)
	require.NoError(t, err)
	require.Equal(t, sumOf(script), sumOf(got))
	require.LessOrEqual(t, p.reader.chunks.Load(), int64(45), "it was read from the start again")
	p.isHere("job/1", script)
}

func TestAFetchWaitsForTheBroker(t *testing.T) {
	p := newPlace(t)
	digest := p.put("job/1", "echo hello")
	p.broker.Kill()
	_, fetch, err := p.Script("job/1", digest)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan error, 2)
	go func() { done <- fetch(ctx) }()
	go func() { done <- fetch(within(t)) }()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	p.broker.Start()
	require.NoError(t, <-done, "the end of one wait ended the other")
	p.isHere("job/1", "echo hello")
}

// A store that is missing is waited for, and so is what belongs into it while it is being filled.
func TestAFetchWaitsForTheStoreAndItsFilling(t *testing.T) {
	for what, begin := range map[string]func(p *place){
		"never there": func(p *place) {
			require.NoError(p, p.broker.JetStream().DeleteObjectStore(within(p.T), wire.StoreScripts))
		},
		"wiped": func(p *place) { p.broker.Kill(); p.broker.Wipe(); p.broker.Start() },
	} {
		t.Run(what, func(t *testing.T) {
			p := newPlace(t)
			digest := p.put("job/1", "echo hello")
			begin(p)
			done := make(chan error, 1)
			go func() { _, err := p.get("job/1", digest); done <- err }()
			p.eventually(func() bool { return p.log.count("WARN") > 0 }, "nobody says that the store is missing")
			p.createStore()
			seen := p.reader.infos.Load()
			p.eventually(func() bool { return p.reader.infos.Load() >= seen+2 }, "nobody looks again")
			p.put("job/1", "echo hello")
			require.NoError(t, <-done)
			p.isHere("job/1", "echo hello")
		})
	}
}

func TestAnObjectThatIsReplacedWhileItIsReadIsTheNewOneOrWrong(t *testing.T) {
	p := newPlace(t)
	first, second := randomText(30<<10), randomText(20<<10)
	p.putChunks("job/1", first)
	p.reader.before = func(n int64) {
		if n == 10 {
			p.putChunks("job/1", second)
		}
	}
	_, err := p.get("job/1", sumOf(first))
	require.ErrorIs(t, err, ErrDigest)
	p.reader.before = nil
	got, err := p.get("job/1", sumOf(second))
	require.NoError(t, err)
	require.Equal(t, sumOf(second), sumOf(got))
	// The same content, uploaded again.
	third := randomText(30 << 10)
	p.putChunks("job/2", third)
	p.reader.chunks.Store(0)
	p.reader.before = func(n int64) {
		if n == 10 {
			p.putChunks("job/2", third)
		}
	}
	got, err = p.get("job/2", sumOf(third))
	require.NoError(t, err)
	require.Equal(t, sumOf(third), sumOf(got))
}

func TestManyWhoWantAScriptCauseOneFetch(t *testing.T) {
	p := newPlace(t)
	script := randomText(4096)
	digest := p.putChunks("job/1", script)
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			got, err := p.get("job/1", digest)
			if err != nil || got != script {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, p.reader.infos.Load())
	require.EqualValues(t, 1, p.Status().Fetched)
	require.Empty(t, p.turns.all, "turns are left over")
}

// The name under which one cannot find the script is not the name of the others.
func TestTheErrorOfOneIsNotTheErrorOfOthers(t *testing.T) {
	p := newPlace(t)
	digest := p.put("job/1", "echo hello")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := p.Prefetch(within(t), "job/1", digest); err != nil {
				t.Errorf("%v", err)
			}
		})
		group.Go(func() {
			if err := p.Prefetch(within(t), "job/2", digest); err != nil && !errors.Is(err, ErrMissing) {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
}

func TestDigestOfAnObject(t *testing.T) {
	p := newPlace(t)
	want := p.put("job/1", "hello world")
	got, err := p.Digest(within(t), "job/1")
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = p.Digest(within(t), "job/2")
	require.ErrorIs(t, err, ErrMissing)
	_, err = p.Digest(within(t), "")
	require.ErrorIs(t, err, ErrName)
	for object, digest := range map[string]string{"none": "", "other": "MD5=abc"} {
		p.describe(object, fmt.Sprintf(`{"name":%q,"nuid":"x","size":0,"digest":%q}`, object, digest))
		_, err = p.Digest(within(t), object)
		require.ErrorIs(t, err, ErrDigest, object)
	}
	p.describe("unpadded", `{"name":"unpadded","nuid":"x","digest":"SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}`)
	got, err = p.Digest(within(t), "unpadded")
	require.NoError(t, err)
	require.Equal(t, sumOf(""), got)
	p.describe("broken", `{"name":`)
	_, err = p.Digest(within(t), "broken")
	require.ErrorIs(t, err, ErrDigest)
}

// describe stores a description as any client could.
func (p *place) describe(object, text string) {
	p.Helper()
	meta := &nats.Msg{
		Subject: "$O.scripts.M." + encoded(object), Data: []byte(text),
		Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}},
	}
	_, err := p.broker.JetStream().PublishMsg(within(p.T), meta)
	require.NoError(p, err)
}

// The role of an agent may do this and no more.
func TestOnePermissionIsEnough(t *testing.T) {
	t.Parallel()
	p := &place{T: t, broker: jstest.StartBroker(t, jstest.WithConfig(`
		no_auth_user: admin
		authorization { users: [
			{user: admin, password: admin},
			{user: agent, password: agent, permissions: {
				publish: ["$JS.API.STREAM.MSG.GET.OBJ_scripts"], subscribe: ["_INBOX.>"] }},
		] }`))}
	p.createStore()
	p.connect(p.broker.Connect(nats.UserInfo("agent", "agent")))
	got, err := p.get("job/1", p.put("job/1", "echo hello"))
	require.NoError(t, err)
	require.Equal(t, "echo hello", got)
	digest, err := p.Digest(within(t), "job/1")
	require.NoError(t, err)
	require.Equal(t, sumOf("echo hello"), digest)
}

// A connection that was closed says nothing about the object.
func TestAClosedConnectionIsNoAnswer(t *testing.T) {
	p := newPlace(t)
	digest := p.put("job/1", "echo hello")
	nc := p.broker.Connect()
	p.connect(nc)
	p.cfg.Transport = nil // or it would only wait
	p.reopen()
	nc.Close()
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() { done <- p.Prefetch(ctx, "job/1", digest) }()
	p.eventually(func() bool { return p.reader.infos.Load() > 2 }, "nobody tries")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func randomText(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "echo %016x\n", rand.Uint64())
	}
	return b.String()[:n]
}
