package agent

import (
	"context"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
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

// A command that comes alone costs five syncs from its admission to the unlink
// of its result: accepted, started, the result's file, its folder, finished.
func TestACommandAloneCostsFiveSyncs(t *testing.T) {
	fake := jstest.NewFake()
	for _, s := range wire.Streams() {
		_, err := fake.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects})
		require.NoError(t, err)
	}
	var syncs atomic.Int64
	counting := func(o *options) error {
		o.fs = syncCounter{FS: atomicfile.OS, syncs: &syncs}
		return nil
	}
	cfg := DefaultConfig()
	cfg.ID, cfg.StateDir = "PC-1", t.TempDir()
	a, err := New(cfg, WithTransport(fake.Conn(), fake.JetStream()), WithLogger(slog.New(slog.DiscardHandler)), counting)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	<-a.Ready()

	for _, id := range []string{"first", "second", "third"} {
		before, sent := syncs.Load(), a.Status().Results.Sent
		data, err := wire.Command{ID: "j", Version: "1", RequestID: id, Shell: "sh", Script: "echo", TimeoutSecs: 60}.Encode()
		require.NoError(t, err)
		require.NoError(t, fake.Conn().Publish(&nats.Msg{Subject: wire.CommandsPC("PC-1"), Data: data}))
		require.Eventually(t, func() bool {
			s := a.Status().Results
			return s.Sent > sent && s.Pending == 0 && s.InFlight == 0
		}, time.Minute, time.Millisecond)
		require.LessOrEqual(t, syncs.Load()-before, int64(5))
	}
	cancel()
	require.NoError(t, <-ended)
}
