package outbox

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
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
