package hostfacts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = time.Minute

// real is a bench with a real broker and a real outbox.
type real struct {
	*bench
	broker *jstest.Broker
	box    *outbox.Outbox
	js     jetstream.JetStream
}

// newReal looks at the host every 50 ms, and delivers.
func newReal(t *testing.T, user nats.Option, opts ...jstest.BrokerOption) *real {
	t.Helper()
	r := newIdle(t, user, opts...)
	r.deliver()
	return r
}

// newIdle delivers nothing before it is told to.
func newIdle(t *testing.T, user nats.Option, opts ...jstest.BrokerOption) *real {
	t.Helper()
	r := &real{bench: newBench(t), broker: jstest.StartBroker(t, opts...)}
	r.dial.now.InventoryInterval = 50 * time.Millisecond
	began := time.Now() // it is noon here: the day's full set does not come in the middle of a test
	r.cfg.Now = func() time.Time { return booted.Add(8*time.Hour + time.Since(began)) }
	nc := r.broker.Connect(user)
	transport := retry.FromNATS(nc)
	var err error
	r.js, err = jetstream.New(nc)
	require.NoError(t, err)
	r.box, err = outbox.Open(t.TempDir(), outbox.WithTransport(transport), outbox.WithFS(atomicfile.OS))
	require.NoError(t, err)
	r.cfg.Box, r.cfg.Transport = r.box, transport
	t.Cleanup(func() { require.NoError(t, r.box.Close()) })
	return r
}

func (r *real) deliver() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.box.Drain(ctx, r.js) }()
	r.t.Cleanup(func() {
		cancel()
		require.NoError(r.t, <-ended)
	})
}

// anyone is a connection as it is.
func anyone(*nats.Options) error { return nil }

func (r *real) createStream() {
	r.t.Helper()
	_, err := r.broker.JetStream().CreateStream(r.t.Context(), jetstream.StreamConfig{Name: wire.StreamInventory, Subjects: []string{"inventory.>"}})
	require.NoError(r.t, err)
}

// stored are the messages of the stream from a sequence number on, by section.
func (r *real) stored(from uint64) (found map[string][][]byte, next uint64) {
	r.t.Helper()
	stream, err := r.broker.JetStream().Stream(r.t.Context(), wire.StreamInventory)
	require.NoError(r.t, err)
	last := stream.CachedInfo().State.LastSeq
	found = map[string][][]byte{}
	for ; from <= last; from++ {
		m, err := stream.GetMsg(r.t.Context(), from)
		require.NoError(r.t, err)
		require.NotEmpty(r.t, m.Header.Get(nats.MsgIdHdr))
		section, ok := strings.CutPrefix(m.Subject, "inventory."+pcID+".")
		require.True(r.t, ok, m.Subject)
		found[section] = append(found[section], m.Data)
	}
	return found, last + 1
}

// rounds waits until the host was looked at n times more, and what came of it is
// delivered: a look begins when the outbox is empty.
func (r *real) rounds(n int) {
	r.t.Helper()
	begun := r.host.times()
	require.Eventually(r.t, func() bool { return r.host.times() > begun+n }, generous, 5*time.Millisecond)
}

func sections(found map[string][][]byte) (all []string) {
	for name := range found {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func TestInventoryOverARealBroker(t *testing.T) {
	t.Parallel()
	r := newReal(t, anyone)
	r.createStream()
	_, stop := r.start()
	defer stop()
	r.rounds(3)
	found, next := r.stored(1)
	require.Equal(t, everything, sections(found))
	for name, messages := range found {
		require.Len(t, messages, 1, name)
	}
	hw, err := wire.DecodeHwInventory(found["hw"][0])
	require.NoError(t, err)
	require.Equal(t, "Acme", hw.CPUModel)
	r.host.install("a", "new")
	r.rounds(3)
	found, next = r.stored(next)
	require.Equal(t, []string{"sw"}, sections(found))
	require.Len(t, found["sw"], 1)
	require.Contains(t, string(found["sw"][0]), `"new"`)
	r.rounds(5)
	found, _ = r.stored(next)
	require.Empty(t, found, "nothing has changed")
}

func TestPartsFitTheBroker(t *testing.T) {
	t.Parallel()
	r := newReal(t, anyone, jstest.WithMaxPayload(16<<10))
	r.createStream()
	programs := make([]string, 5000)
	for i := range programs {
		programs[i] = fmt.Sprintf("program %d \"ä\"", i)
	}
	r.host.install(programs...)
	_, stop := r.start()
	defer stop()
	r.rounds(2)
	found, _ := r.stored(1)
	require.Equal(t, everything, sections(found))
	var parts []wire.InventorySection
	for _, data := range found["sw"] {
		p, err := wire.DecodeInventorySection(data)
		require.NoError(t, err)
		parts = append(parts, p)
	}
	require.Greater(t, len(parts), 10)
	whole, err := wire.JoinInventory(parts)
	require.NoError(t, err)
	want, err := json.Marshal(r.host.facts.Software)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(whole.Data))
	require.Zero(t, r.box.Stats().Stuck)
}

// Without a stream one set waits; with it come that set and the newest state.
func TestAMissingStreamIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newReal(t, anyone)
	_, stop := r.start()
	defer stop()
	require.Eventually(t, func() bool {
		s := r.box.Stats()
		return s.Failed > 3 && s.Put == uint64(len(everything))
	}, generous, 5*time.Millisecond)
	r.host.install("newest")
	require.Equal(t, len(everything), r.box.Stats().Pending)
	require.Equal(t, 1, r.host.times())
	r.createStream()
	r.rounds(2)
	found, _ := r.stored(1)
	require.Equal(t, everything, sections(found))
	require.Len(t, found["sw"], 2)
	require.Contains(t, string(found["sw"][1]), "newest")
}

// What changes while the broker is away is published once, as it is then.
func TestAnOutage(t *testing.T) {
	t.Parallel()
	r := newReal(t, anyone)
	r.createStream()
	_, stop := r.start()
	defer stop()
	r.rounds(2)
	_, next := r.stored(1)
	r.broker.Stop()
	require.Eventually(t, func() bool {
		connected, _ := r.cfg.Transport.State()
		return !connected
	}, generous, 5*time.Millisecond)
	for n := range 5 {
		r.host.install(fmt.Sprintf("version %d", n))
	}
	r.broker.Start()
	r.rounds(2)
	found, _ := r.stored(next)
	require.Equal(t, []string{"sw"}, sections(found))
	require.LessOrEqual(t, len(found["sw"]), 2, "one may have begun before the outage was noticed")
	require.Contains(t, string(found["sw"][len(found["sw"])-1]), "version 4")
}

// A role without the permission is waited for too.
func TestADeniedPermissionIsWaitedFor(t *testing.T) {
	t.Parallel()
	config := func(permissions string) jstest.BrokerOption {
		return jstest.WithConfig(fmt.Sprintf(`no_auth_user: admin
			authorization { users: [ {user: admin, password: admin}, {user: agent, password: agent %s} ] }`, permissions))
	}
	r := newReal(t, nats.UserInfo("agent", "agent"), config(`, permissions: {publish: {deny: "inventory.>"}}`))
	r.createStream()
	denied := make(chan retry.Denial, 100)
	defer r.cfg.Transport.(interface {
		OnDenied(h func(retry.Denial)) func()
	}).OnDenied(func(d retry.Denial) { denied <- d })()
	_, stop := r.start()
	defer stop()
	require.Contains(t, (<-denied).Subject, "inventory.PC-1.")
	require.Eventually(t, func() bool { return r.box.Stats().Put == uint64(len(everything)) }, generous, 5*time.Millisecond)
	require.Equal(t, len(everything), r.box.Stats().Pending)
	r.broker.Stop()
	r.broker.Reconfigure(config(""))
	r.broker.Start()
	r.rounds(2)
	found, _ := r.stored(1)
	require.Equal(t, everything, sections(found))
}

// What waits is refused by a broker that takes smaller messages than the one it was
// made for. It comes in more parts.
func TestABrokerThatTakesLessThanBefore(t *testing.T) {
	t.Parallel()
	r := newIdle(t, anyone)
	programs := make([]string, 2000)
	for i := range programs {
		programs[i] = fmt.Sprintf("program %d with a name", i)
	}
	r.host.install(programs...)
	_, stop := r.start()
	defer stop()
	require.Eventually(t, func() bool { return r.box.Stats().Put == uint64(len(everything)) }, generous, 5*time.Millisecond)
	r.broker.Stop()
	r.broker.Reconfigure(jstest.WithMaxPayload(16 << 10))
	r.broker.Start()
	r.createStream()
	require.Eventually(t, func() bool {
		connected, _ := r.cfg.Transport.State()
		return connected && r.cfg.Transport.(interface{ MaxPayload() int64 }).MaxPayload() == 16<<10
	}, generous, 5*time.Millisecond)
	r.deliver()
	require.Eventually(t, func() bool {
		found, _ := r.stored(1)
		return len(found["sw"]) > 1
	}, generous, 20*time.Millisecond)
	r.rounds(2)
	found, _ := r.stored(1)
	require.Equal(t, everything, sections(found))
	var parts []wire.InventorySection
	for _, data := range found["sw"] {
		p, err := wire.DecodeInventorySection(data)
		require.NoError(t, err)
		parts = append(parts, p)
	}
	_, err := wire.JoinInventory(parts)
	require.NoError(t, err)
	require.Equal(t, 1, r.box.Stats().Stuck, "the large one is put aside, not lost in silence")
}
