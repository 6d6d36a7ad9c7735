package jstest

import (
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// heartbeatTimeout is how long a pull that nobody answers waits: twice the heartbeat of 15 s that Messages asks for.
const heartbeatTimeout = 30 * time.Second

// messages is a pull iterator. As in nats.go, the server answers a pull only if the consumer was there when the pull
// was sent, and a pull ends with the connection.
type messages struct {
	client       *Client
	stream, name string

	closeOnce sync.Once
	closed    chan struct{}

	// guarded by broker.mu
	pulled   bool           // a pull is on its way
	epoch    int            // the connection on which it was sent
	attached *consumerState // the consumer that has it; nil: nobody
}

func (it *messages) Stop() { it.closeOnce.Do(func() { close(it.closed) }) }

// Drain is Stop: there are no messages that were pulled and not handed out.
func (it *messages) Drain() { it.Stop() }

func (it *messages) Next(opts ...jetstream.NextOpt) (jetstream.Msg, error) {
	limit, err := readNextOptions(opts)
	if err != nil {
		return nil, err
	}
	if err := it.client.faults.take(OpNext); err != nil {
		return nil, err
	}
	var timeout <-chan time.Time
	if limit.timeout > 0 {
		timer := time.NewTimer(limit.timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	var canceled <-chan struct{}
	if limit.ctx != nil {
		canceled = limit.ctx.Done()
	}
	defer it.settlePull()
	for silentSince := time.Now(); ; {
		m, wait, err := it.poll(silentSince)
		if m != nil || err != nil {
			return m, err
		}
		alarm, stop := wait.alarm()
		select {
		case <-it.closed:
			err = jetstream.ErrMsgIteratorClosed
		case <-timeout:
			err = nats.ErrTimeout
		case <-canceled:
			err = limit.ctx.Err()
		case <-wait.changed:
		case <-alarm:
		}
		stop()
		if err != nil {
			return nil, err
		}
		if !wait.silent {
			silentSince = time.Now()
		}
	}
}

// waiting is why poll had nothing.
type waiting struct {
	changed <-chan struct{} // closed when it is worth looking again
	until   time.Time       // look again then; zero: not because of the time
	silent  bool            // nobody answers the pull, not even with heartbeats
}

func (w waiting) alarm() (<-chan time.Time, func()) {
	if w.until.IsZero() {
		return nil, func() {}
	}
	timer := time.NewTimer(time.Until(w.until))
	return timer.C, func() { timer.Stop() }
}

// poll returns a message, or an error, or what to wait for. The result is an interface to keep nil plain.
func (it *messages) poll(silentSince time.Time) (jetstream.Msg, waiting, error) {
	b := it.client.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-it.closed:
		return nil, waiting{}, jetstream.ErrMsgIteratorClosed
	default:
	}
	wait := waiting{changed: b.changed}
	if !it.client.connected {
		return nil, wait, nil
	}
	it.pull()
	switch {
	case it.attached == nil:
		wait.silent, wait.until = true, silentSince.Add(heartbeatTimeout)
		if time.Now().Before(wait.until) {
			return nil, wait, nil
		}
		it.pulled = false
		return nil, wait, jetstream.ErrNoHeartbeat
	case it.attached.deleted:
		it.Stop()
		return nil, wait, jetstream.ErrConsumerDeleted
	}
	m, d := it.attached.next(time.Now())
	if m != nil {
		return it.message(m, d), wait, nil
	}
	it.attached.waiting[it] = true
	if _, next := it.attached.earliest(); next != nil {
		wait.until = next.due
	}
	return nil, wait, nil
}

// settlePull takes back the request of a Next that is over.
func (it *messages) settlePull() {
	it.client.broker.mu.Lock()
	defer it.client.broker.mu.Unlock()
	if it.attached != nil {
		delete(it.attached.waiting, it)
	}
}

// pull sends a request unless one is on its way on this connection.
func (it *messages) pull() {
	if it.pulled && it.epoch == it.client.epoch {
		return
	}
	it.pulled, it.epoch = true, it.client.epoch
	it.attached, _ = it.client.broker.consumer(it.stream, it.name)
}

func (it *messages) message(m *storedMsg, d *delivery) *Msg {
	pending := it.attached.cursor.pending(it.attached.stream)
	return &Msg{
		subject: m.subject, header: copyHeader(m.header), data: m.raw().Data,
		reply: fmt.Sprintf("$JS.ACK.%s.%s.%d.%d.%d.%d.%d", it.stream, it.name, d.count, m.seq, d.consumer, m.time.UnixNano(), pending),
		meta: &jetstream.MsgMetadata{
			Sequence:     jetstream.SequencePair{Consumer: d.consumer, Stream: m.seq},
			NumDelivered: d.count, NumPending: uint64(pending), Timestamp: m.time, Stream: it.stream, Consumer: it.name,
		},
		client: it.client,
	}
}
