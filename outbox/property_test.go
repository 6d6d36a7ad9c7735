package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
	"github.com/kanade-go/kanade/retry"
)

// TestOutboxKeepsToItsModel does what comes to mind to an outbox, in any order,
// and compares it with what it has promised after each step.
//
// Without -rapid.checks a policy gets 100 histories; with -short, and under the
// race detector, 20.
func TestOutboxKeepsToItsModel(t *testing.T) {
	t.Parallel()
	if checks := flag.Lookup("rapid.checks"); fewMutants() && checks.Value.String() == checks.DefValue {
		require.NoError(t, flag.Set("rapid.checks", "20"))
	}
	for _, policy := range []struct {
		name    string
		records int
		opts    []Option
	}{
		{"no limit", 0, nil},
		{"reject", 5, []Option{WithLimit(5, 0)}},
		{"drop oldest", 5, []Option{WithLimit(5, 0), WithOverflow(OverflowDropOldest)}},
	} {
		t.Run(policy.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) {
				inBubble(t, func() {
					m := newModel(r, policy.records, policy.opts...)
					defer m.close()
					r.Repeat(map[string]func(*rapid.T){
						"put": m.put, "put while it drains": m.putWhileDraining, "flush": m.flush, "drain": m.drain,
						"reopen": m.reopen, "broker": m.changeBroker, "connection": m.changeConnection, "hook": m.changeHook,
						"drop in": m.dropIn, "drop in rubbish": m.dropInRubbish, "hold": m.hold, "a day passes": m.day,
						"": m.check,
					})
					m.finale(r)
				})
			})
		})
	}
}

// inBubble does something in virtual time. How rapid ends a try, a panic, comes
// out of it.
func inBubble(t *testing.T, do func()) {
	var end any
	synctest.Test(t, func(*testing.T) {
		defer func() { end = recover() }()
		do()
	})
	if end != nil {
		panic(end)
	}
}

// model is what is known of an outbox from outside. A record is told by its
// message ID, of which each Put has its own.
type model struct {
	t     require.TestingT
	disk  *faultfs.FS
	opts  []Option
	box   *Outbox
	link  *link
	limit int

	next    int
	owed    map[string]bool // promised by a Put, or put there by others
	kept    map[string]bool // a Put has ended well with an earlier record in place
	foreign int             // files that others have put there
	rubbish int             // of them, what is no record
	unseen  bool            // there may be files that the box has not seen
	dropped uint64          // by boxes that are closed

	mu     sync.Mutex
	stream map[string]bool
	hooked map[string]bool
	broker string
	hookOK bool
}

func newModel(t *rapid.T, limit int, opts ...Option) *model {
	m := &model{
		t: t, disk: faultfs.New(0), link: newLink(true), limit: limit, broker: "takes", hookOK: true,
		owed: map[string]bool{}, kept: map[string]bool{}, stream: map[string]bool{}, hooked: map[string]bool{},
	}
	m.opts = append([]Option{WithFS(m.disk), WithTransport(m.link), WithBeforeRemove(m.hook), WithQuarantineAfter(2)}, opts...)
	m.open()
	return m
}

func (m *model) open() {
	var err error
	m.box, err = Open(crashBox, m.opts...)
	require.NoError(m.t, err)
	m.unseen = false
}

func (m *model) close() {
	m.dropped += m.box.Stats().Dropped
	require.NoError(m.t, m.box.Close())
}

func (m *model) hook(_ context.Context, r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.hookOK {
		return errNotYet
	}
	if !m.stream[r.MsgID] {
		return fmt.Errorf("%w: the hook of %s came before the stream had it", errBroken, r.MsgID)
	}
	m.hooked[r.MsgID] = true
	return nil
}

// PublishMsg is a broker in one of many moods.
func (m *model) PublishMsg(ctx context.Context, msg *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	id := msg.Header.Get(jetstream.MsgIDHeader)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.broker == "is full":
		return nil, apiError(10077, 503)
	case m.broker == "refuses" && odd(id):
		return nil, apiError(10071, 400)
	case m.broker == "refuses for good" && odd(id):
		return nil, apiError(10054, 400)
	case m.broker == "swallows" && odd(id):
		m.mu.Unlock()
		defer m.mu.Lock()
		return swallow(ctx, msg)
	}
	known := m.stream[id]
	m.stream[id] = true
	if m.broker == "loses acknowledgements" && odd(id) {
		return nil, nats.ErrTimeout
	}
	return &jetstream.PubAck{Stream: "TEST", Duplicate: known}, nil
}

func odd(id string) bool { return id[len(id)-1]%2 == 1 }

var hostileNames = []string{
	"a", "b", "c", "A", "B", "con", "con.txt", "a.", ".a", "..", "../a", "a/b", `a\b`, "stuck/a", "a.json", "ü", "Ü",
	"sha256-" + strings.Repeat("0", 64), strings.Repeat("long", 60), "\x00", "a b", "lock", ".lock",
}

func (m *model) put(t *rapid.T) { m.putOne(rapid.SampledFrom(hostileNames).Draw(t, "name")) }

func (m *model) putOne(name string) {
	m.next++
	id := fmt.Sprintf("put-%d", m.next)
	before := m.box.Stats()
	err := m.box.Put(context.Background(), Record{Name: name, MsgID: id, Subject: "test.records", Data: []byte(id)})
	after := m.box.Stats()
	switch {
	case errors.Is(err, ErrFull):
		require.NotZero(m.t, m.limit)
		require.Equal(m.t, before.Rejected+1, after.Rejected)
		require.GreaterOrEqual(m.t, len(m.onDisk())+m.rubbish, m.limit, "it says that it is full")
	case errors.Is(err, ErrNameTaken):
		require.NotZero(m.t, m.foreign+m.rubbish, "only others take a name")
	case err != nil:
		require.NoError(m.t, err)
	case after.Kept > before.Kept:
		m.kept[id] = true
	default:
		require.Equal(m.t, before.Put+1, after.Put)
		m.owed[id] = true
	}
}

func (m *model) putWhileDraining(t *rapid.T) {
	names := rapid.SliceOfN(rapid.SampledFrom(hostileNames), 1, 4).Draw(t, "names")
	m.draining(time.Minute, func() {
		for _, name := range names {
			m.putOne(name)
			elapse(time.Second)
		}
	})
}

func (m *model) draining(d time.Duration, do func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.box.Drain(ctx, m) }()
	synctest.Wait()
	do()
	elapse(d)
	cancel()
	require.NoError(m.t, <-ended)
	m.unseen = m.unseen && !m.up()
}

func (m *model) drain(*rapid.T) { m.draining(2*rescanEvery, func() {}) }

func (m *model) up() bool { up, _ := m.link.State(); return up }

func (m *model) flush(*rapid.T) {
	tried := len(m.stream)
	_, err := m.box.Flush(context.Background(), m)
	m.unseen = false
	if !m.up() {
		require.Len(m.t, m.stream, tried, "nothing is tried while the connection is down")
		if m.box.Stats().Pending > 0 {
			require.ErrorIs(m.t, err, ErrNotConnected)
		}
	}
}

func (m *model) reopen(*rapid.T) {
	m.close()
	m.open()
}

func (m *model) changeBroker(t *rapid.T) {
	m.broker = rapid.SampledFrom([]string{
		"takes", "is full", "refuses", "refuses for good", "swallows", "loses acknowledgements",
	}).Draw(t, "broker")
}

func (m *model) changeConnection(t *rapid.T) { m.link.set(rapid.Bool().Draw(t, "up")) }
func (m *model) changeHook(t *rapid.T)       { m.hookOK = rapid.Bool().Draw(t, "hook") }

// day is long enough for what is stuck to be tried again. It takes its time, so
// it does not come often.
func (m *model) day(t *rapid.T) {
	if rapid.IntRange(0, 5).Draw(t, "dice") == 0 {
		m.draining(stuckEvery+stuckJitter, func() {})
	}
}

// dropIn is what the reference release does.
func (m *model) dropIn(t *rapid.T) {
	m.next++
	id := fmt.Sprintf("foreign-%d", m.next)
	name := rapid.SampledFrom([]string{"a", "REQ-1", "req-1", "Ü"}).Draw(t, "name")
	data, err := json.Marshal(envelope{Name: name, MsgID: id, Subject: "test.records", Data: []byte(id)})
	require.NoError(m.t, err)
	if m.leave(name+fileSuffix, string(data)) {
		m.owed[id] = true
		m.foreign++
	}
}

func (m *model) dropInRubbish(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a", "b", "rubbish", hashedFile("A")}).Draw(t, "name")
	content := rapid.SampledFrom([]string{"", "{", "null", `{"subject":"*"}`, "\x00\x00\x00"}).Draw(t, "content")
	if m.leave(strings.TrimSuffix(name, fileSuffix)+fileSuffix, content) {
		m.rubbish++
	}
}

// leave writes a file, unless there is one.
func (m *model) leave(name, content string) bool {
	f, err := m.disk.OpenFile(path.Join(crashBox, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	_, err = f.Write([]byte(content))
	require.NoError(m.t, errors.Join(err, f.Close()))
	m.unseen = true
	return true
}

// hold keeps all files that are there open in another process for a minute, and
// gives the box the time to try again.
func (m *model) hold(*rapid.T) {
	var releases []func()
	for _, file := range m.onDisk() {
		releases = append(releases, m.disk.Hold(file))
	}
	m.draining(rescanEvery, func() {})
	for _, release := range releases {
		release()
	}
	m.draining(2*retry.DefaultBackoff().Max, func() {})
}

// onDisk maps message IDs to the files of their records.
func (m *model) onDisk() map[string]string {
	found := map[string]string{}
	for _, file := range m.files() {
		f, err := m.disk.OpenFile(file, os.O_RDONLY, 0)
		require.NoError(m.t, err)
		r, err := JSONEnvelope{}.Decode("", f)
		require.NoError(m.t, f.Close())
		if err == nil && plainSubject(r.Subject) {
			require.NotContains(m.t, found, r.MsgID, "one file a record")
			found[r.MsgID] = file
		}
	}
	return found
}

func (m *model) files() (all []string) {
	for _, dir := range []string{crashBox, crashStuck} {
		list, _ := m.disk.ReadDir(dir)
		for _, d := range list {
			if isRecordFile(d) {
				all = append(all, path.Join(dir, d.Name()))
			}
		}
	}
	return all
}

// check is what holds at any time.
func (m *model) check(*rapid.T) {
	disk := m.onDisk()
	lost := uint64(0)
	for id := range m.owed {
		if disk[id] == "" && !m.stream[id] {
			lost++
		}
	}
	dropped := m.dropped + m.box.Stats().Dropped
	require.LessOrEqual(m.t, lost, dropped, "what is neither on disk nor in the stream was dropped and counted")
	for id := range disk {
		require.False(m.t, m.stream[id] && m.hooked[id], "%s is delivered and agreed upon, and still on disk", id)
	}
	for id := range m.kept {
		require.NotContains(m.t, disk, id, "the first record stays")
		require.NotContains(m.t, m.stream, id, "the first record stays")
	}
	m.checkStats()
	m.checkReasons()
}

func (m *model) checkStats() {
	if m.unseen {
		return
	}
	var pending, stuck, size int
	for _, file := range m.files() {
		info, err := m.disk.Stat(file)
		require.NoError(m.t, err)
		if path.Dir(file) == crashStuck {
			stuck++
			continue
		}
		pending++
		size += int(info.Size())
	}
	s := m.box.Stats()
	require.Equal(m.t, []int{pending, stuck, size, 0}, []int{s.Pending, s.Stuck, int(s.Bytes), s.InFlight}, "pending, stuck, bytes, in flight")
	if m.limit > 0 && m.foreign+m.rubbish == 0 {
		require.LessOrEqual(m.t, pending+stuck, m.limit)
	}
}

// checkReasons: what is stuck says why.
func (m *model) checkReasons() {
	for _, file := range m.files() {
		if path.Dir(file) == crashStuck {
			why, err := readReason(m.disk, reasonFile(file))
			require.NoError(m.t, err)
			require.NotEmpty(m.t, why.Why)
			require.Positive(m.t, why.Attempts)
		}
	}
}

// finale: whatever has happened, once all is well again everything is delivered,
// and only what is no record stays.
func (m *model) finale(t *rapid.T) {
	m.broker, m.hookOK = "takes", true
	m.link.set(true)
	m.reopen(t)
	m.draining(stuckEvery+stuckJitter, func() {})
	m.check(t)
	require.Zero(m.t, m.box.Stats().Pending)
	rubbish := len(m.files())
	require.LessOrEqual(m.t, uint64(m.rubbish-rubbish), m.dropped+m.box.Stats().Dropped)
	require.Equal(m.t, rubbish, m.box.Stats().Stuck)
	require.Equal(m.t, rubbish, m.box.Stats().Corrupt)
	require.Empty(m.t, m.onDisk())
	left := slices.DeleteFunc(m.names(), func(name string) bool {
		return strings.HasSuffix(name, fileSuffix) || strings.HasSuffix(name, reasonSuffix)
	})
	require.ElementsMatch(m.t, []string{lockName}, left, "nothing else is left over")
}

func (m *model) names() (all []string) {
	for _, dir := range []string{crashBox, crashStuck} {
		list, _ := m.disk.ReadDir(dir)
		for _, d := range list {
			if !d.IsDir() {
				all = append(all, d.Name())
			}
		}
	}
	return all
}
