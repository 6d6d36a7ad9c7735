package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// fakeHost grows by known amounts a second of the bubble's clock.
type fakeHost struct {
	began   time.Time
	mu      sync.Mutex
	hang    map[string]chan struct{} // what hangs until its channel is closed
	fail    map[string]error
	asked   map[string]int
	traffic func(of Medium, elapsed float64) map[string]Bytes
}

func newFakeHost() *fakeHost {
	return &fakeHost{
		began: time.Now(), hang: map[string]chan struct{}{}, fail: map[string]error{}, asked: map[string]int{},
		traffic: func(of Medium, s float64) map[string]Bytes {
			return map[string]Bytes{"a": {In: uint64(1000 * s), Out: uint64(100 * s)}, "b": {In: uint64(24 * s), Out: uint64(float64(of) * s)}}
		},
	}
}

func (h *fakeHost) set(what string, hang chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hang[what], h.fail[what] = hang, err
}

func (h *fakeHost) count(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked[what]
}

func (h *fakeHost) ask(what string) error {
	h.mu.Lock()
	h.asked[what]++
	hang, err := h.hang[what], h.fail[what]
	h.mu.Unlock()
	if hang != nil {
		<-hang // as a system call does, whatever the context says
	}
	if err != nil && err.Error() == "panic" {
		panic("lost it")
	}
	return err
}

func (h *fakeHost) elapsed() float64 { return time.Since(h.began).Seconds() }

func (h *fakeHost) CPU(context.Context) (CPUTime, error) {
	return CPUTime{Busy: 2 * h.elapsed(), Total: 8 * h.elapsed(), Cores: 8}, h.ask("cpu")
}

func (h *fakeHost) Memory(_ context.Context, of Store) (Memory, error) {
	if of == Swap {
		return Memory{}, h.ask("swap")
	}
	return Memory{Used: 1 << 63, Total: 1<<64 - 1}, h.ask("memory")
}

func (h *fakeHost) Traffic(_ context.Context, of Medium) (map[string]Bytes, error) {
	return h.traffic(of, h.elapsed()), h.ask([]string{"disks", "networks"}[of])
}

var errGone = errors.New("no such process")

// fakeProcesses is a table of processes; used is their CPU time per second.
type fakeProcesses struct {
	*fakeHost
	table map[int32]fakeProcess
}

type fakeProcess struct {
	started uint64
	used    float64       // of a core
	before  time.Duration // used before the test
	name    string
	noBytes bool
}

func (f *fakeProcesses) process(pid int32, p fakeProcess) Process {
	return Process{PID: pid, Started: p.started, CPU: p.before + time.Duration(p.used*f.elapsed()*float64(time.Second))}
}

func (f *fakeProcesses) put(pid int32, p fakeProcess) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.table[pid] = p
}

func (f *fakeProcesses) List(context.Context) (all []Process, err error) {
	err = f.ask("list")
	f.mu.Lock()
	defer f.mu.Unlock()
	for pid, p := range f.table {
		all = append(all, f.process(pid, p))
	}
	return all, err
}

func (f *fakeProcesses) Look(_ context.Context, pid int32) (Detail, error) {
	err := f.ask("look")
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.table[pid]
	if !ok {
		// The agent itself: a hundredth of a core.
		p = fakeProcess{used: 0.01, name: "agent"}
	}
	if p.name == "gone" {
		return Detail{}, errGone
	}
	return Detail{Process: f.process(pid, p), Name: p.name, RSSBytes: 4096}, err
}

func (f *fakeProcesses) Bytes(_ context.Context, pid int32) (Bytes, error) {
	err := f.ask("bytes")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table[pid].noBytes {
		return Bytes{}, errGone
	}
	return Bytes{In: uint64(512 * f.elapsed()), Out: 7}, err
}

// bench is a service in a bubble, on a fake connection.
type bench struct {
	*testing.T
	*dial
	fake      *jstest.Fake
	backend   *jstest.Client
	host      *fakeHost
	processes *fakeProcesses
	service   *Service
	stop      func()
	complete  func(*wire.Heartbeat)
	log       *slog.Logger

	mu         sync.Mutex // of what was received; see sleep
	sleeps     int
	heartbeats []wire.Heartbeat
	loads      []wire.HostPerf
	busiest    []wire.ProcessPerf
	raw        [][]byte
}

func newBench(t *testing.T, prepare ...func(*bench)) *bench {
	t.Helper()
	b := &bench{T: t, dial: newDial(), fake: jstest.NewFake(), host: newFakeHost(), log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	b.backend = b.fake.NewClient()
	b.processes = &fakeProcesses{fakeHost: b.host, table: map[int32]fakeProcess{}}
	for _, p := range prepare {
		p(b)
	}
	sub, err := b.backend.Conn().Subscribe(">", 10_000, b.receive)
	require.NoError(t, err)
	b.service = New(Config{
		Beat: supervise.NewBeat(),
		PCID: "PC-1", Version: "1.2.3", Transport: b.fake.Conn(), Settings: b.get, Host: b.host, Processes: b.processes, Logger: b.log, Complete: b.complete,
	})
	g := supervise.NewGroup(context.Background(), b.log, append(b.service.Tasks(), b.service.Answers()...)...)
	b.stop = func() {
		g.Stop()
		require.NoError(t, sub.Stop())
	}
	return b
}

// sleep lets d pass. What was received may be read before and after it.
func (b *bench) sleep(d time.Duration) {
	b.mu.Lock() // what was read before happened before what is received now
	b.sleeps++
	b.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) receive(m *nats.Msg) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	switch m.Subject {
	case "heartbeat.PC-1":
		b.heartbeats, err = decoded(b.heartbeats, m.Data, wire.DecodeHeartbeat)
	case "host_perf.PC-1":
		b.loads, err = decoded(b.loads, m.Data, wire.DecodeHostPerf)
	case "process_perf.PC-1":
		b.busiest, err = decoded(b.busiest, m.Data, wire.DecodeProcessPerf)
	}
	require.NoError(b, err)
	b.raw = append(b.raw, m.Data)
}

func decoded[T any](all []T, data []byte, decode func([]byte) (T, error)) ([]T, error) {
	v, err := decode(data)
	return append(all, v), err
}
