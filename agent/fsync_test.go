package agent

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry/jstest"
)

// syncCounter counts what makes data durable.
type syncCounter struct {
	atomicfile.FS
	syncs *atomic.Int64
}

func (c syncCounter) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	f, err := c.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return countedFile{File: f, syncs: c.syncs}, nil
}

func (c syncCounter) SyncDir(dir string) error {
	c.syncs.Add(1)
	return c.FS.SyncDir(dir)
}

type countedFile struct {
	atomicfile.File
	syncs *atomic.Int64
}

func (f countedFile) Sync() error {
	f.syncs.Add(1)
	return f.File.Sync()
}

func (f countedFile) StartSync() error { return atomicfile.StartSync(f.File) }

// CountSyncs counts into n what the agent syncs.
func CountSyncs(n *atomic.Int64) Option {
	return func(o *options) error {
		o.fs = syncCounter{FS: atomicfile.OS, syncs: n}
		return nil
	}
}

// countingAgent is an agent over fakes that runs until the test ends, with the
// number of its syncs.
func countingAgent(t *testing.T, opts ...Option) (*Agent, *jstest.Fake, *atomic.Int64) {
	fake := jstest.NewFake()
	for _, s := range wire.Streams() {
		_, err := fake.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects})
		require.NoError(t, err)
	}
	syncs := new(atomic.Int64)
	cfg := DefaultConfig()
	cfg.ID, cfg.StateDir = "PC-1", t.TempDir()
	a, err := New(cfg, append(opts, WithTransport(fake.Conn(), fake.JetStream()), WithLogger(slog.New(slog.DiscardHandler)), CountSyncs(syncs))...)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { return settingsSaved(a) }, time.Minute, time.Millisecond)
	return a, fake, syncs
}

// settingsSaved: what the broker has of the settings is on disk, be it nothing.
func settingsSaved(a *Agent) bool {
	for _, b := range a.running().settings.Status().Buckets {
		if !b.Known || b.Unsaved {
			return false
		}
	}
	return true
}

func sendEcho(t *testing.T, fake *jstest.Fake, id string) {
	data, err := wire.Command{ID: "j", Version: "1", RequestID: id, Shell: "sh", Script: "echo", TimeoutSecs: 60}.Encode()
	require.NoError(t, err)
	require.NoError(t, fake.Conn().Publish(&nats.Msg{Subject: wire.CommandsPC("PC-1"), Data: data}))
}

func awaitSent(t *testing.T, a *Agent, sent uint64) {
	require.Eventually(t, func() bool {
		s := a.Status().Results
		return s.Sent >= sent && s.Pending == 0 && s.InFlight == 0
	}, 2*time.Minute, time.Millisecond)
}

// A command that comes alone costs five syncs from its admission to the unlink
// of its result: accepted, started, the result's file, its folder, finished.
func TestACommandAloneCostsFiveSyncs(t *testing.T) {
	a, fake, syncs := countingAgent(t)
	for i, id := range []string{"first", "second", "third"} {
		before := syncs.Load()
		sendEcho(t, fake, id)
		awaitSent(t, a, uint64(i+1))
		require.LessOrEqual(t, syncs.Load()-before, int64(5))
	}
}

// In a burst all but the sync of the result's own file is shared. What a command
// costs to start is left out, so that the machine's other work does not stretch
// the burst; BenchmarkBurst counts with real shells.
func TestACommandInABurstCostsLittleMoreThanOneSync(t *testing.T) {
	const commands = 1000
	a, fake, syncs := countingAgent(t, WithRunner(exec.RunnerFunc(func(context.Context, exec.Spec) (exec.Outcome, error) {
		return exec.Outcome{}, nil
	})))
	before := syncs.Load()
	for i := range commands {
		sendEcho(t, fake, fmt.Sprintf("burst-%d", i))
	}
	awaitSent(t, a, commands)
	each := float64(syncs.Load()-before) / commands
	t.Logf("%.2f syncs a command", each)
	most := 1.4
	if raceDetector { // everything but the disk is slower, and comes less close together
		most = 2
	}
	require.LessOrEqual(t, each, most)
}
