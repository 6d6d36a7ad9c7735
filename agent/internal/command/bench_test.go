package command

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// bench is a command path over fakes, in virtual time.
type bench struct {
	t        *testing.T
	dir      string
	ledger   *Ledger
	sink     *fakeSink
	sh       *fakeShell
	events   *fakeEvents
	offline  time.Duration
	verify   Verify
	lookup   Lookup
	scripts  Scripts
	settings func() (wire.EffectiveConfig, <-chan struct{})
	grace    time.Duration
	fs       atomicfile.FS

	service *Service
	in      chan delivery.Delivery
	cancel  context.CancelFunc
	loops   sync.WaitGroup

	mu      sync.Mutex
	started []string
	settled []delivery.Settlement
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), grace: 10 * time.Second, fs: atomicfile.OS}
	b.sink = &fakeSink{put: make(map[string]wire.Result)}
	b.events = &fakeEvents{}
	b.sh = &fakeShell{run: func(_ context.Context, c wire.Command, _ int) (exec.Outcome, error) {
		return exited(0, "ran "+c.RequestID), nil
	}}
	return b
}

func exited(code int, stdout string) exec.Outcome {
	now := time.Now()
	return exec.Outcome{Code: code, Stdout: []byte(stdout), Started: now, Finished: now}
}

// start is a start of the agent; whatever the last run left is recovered.
func (b *bench) start() {
	b.t.Helper()
	var err error
	b.ledger, _, err = OpenLedger(b.fs, b.dir, "PC-1", time.Now)
	require.NoError(b.t, err)
	recorded := *b.sh
	recorded.run = func(ctx context.Context, c wire.Command, attempt int) (exec.Outcome, error) {
		b.mu.Lock()
		b.started = append(b.started, c.RequestID)
		b.mu.Unlock()
		return b.sh.run(ctx, c, attempt)
	}
	b.service = New(Config{
		PCID: "PC-1", Ledger: b.ledger, Sink: b.sink, Shells: map[string]Shell{"sh": &recorded},
		Verify: b.verify, Lookup: b.lookup, Scripts: b.scripts, Events: b.events, Offline: func() time.Duration { return b.offline }, Slots: 2, Now: time.Now,
		Settings: b.settings,
		Logger:   slog.New(slog.NewTextHandler(b.t.Output(), nil)),
	})
	b.service.Recover()
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.in = cancel, make(chan delivery.Delivery)
	b.loops.Go(func() { _ = b.service.Admit(ctx, b.in) })
	b.loops.Go(func() { _ = b.service.Perform(ctx, b.grace) })
}

// stop is an orderly stop.
func (b *bench) stop() {
	b.t.Helper()
	close(b.in)
	b.cancel()
	b.loops.Wait()
	require.NoError(b.t, b.ledger.Close())
}

func (b *bench) deliver(data []byte) {
	b.in <- delivery.Delivery{Data: data, Subject: "commands.pc.PC-1", Source: delivery.Replay, Settle: func(s delivery.Settlement) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.settled = append(b.settled, s)
	}}
	synctest.Wait()
}

func (b *bench) send(c wire.Command) {
	b.t.Helper()
	data, err := c.Encode()
	require.NoError(b.t, err)
	b.deliver(data)
}

func (b *bench) settlements() []delivery.Settlement {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled
}

func (b *bench) starts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.started
}

func (b *bench) result(name string) wire.Result {
	b.t.Helper()
	synctest.Wait()
	r, ok := b.sink.result(name)
	require.True(b.t, ok, "no result of %s", name)
	return r
}

func request(id string) wire.Command {
	return wire.Command{ID: "job", Version: "1", RequestID: id, ExecID: "exec-" + id, Shell: "sh", Script: "x", TimeoutSecs: 60}
}

// run is a test in virtual time over a started bench.
func run(t *testing.T, prepare func(*bench), test func(*testing.T, *bench)) {
	t.Helper()
	b := newBench(t) // outside the bubble: its folder outlives it
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		if prepare != nil {
			prepare(b)
		}
		b.start()
		test(t, b)
		b.stop()
	})
}
