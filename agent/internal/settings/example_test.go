package settings_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/settings"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func Example() {
	dir, err := os.MkdirTemp("", "settings")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	broker := jstest.NewFake()
	transport := broker.Conn()
	reader, link := retry.NewKVReader(transport), natskit.NewLink(transport, nil)
	s := settings.New(settings.Config{
		PCID: "LAB-09", Dir: dir, FS: atomicfile.OS, Rows: reader, Logger: slog.Default(),
		Watch: func(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), opts ...retry.Option) error {
			return retry.WatchKV(ctx, reader, bucket, keys, apply, opts...)
		},
		Connected: func() bool { up, _ := transport.State(); return up }, Since: link.Since,
	})
	s.Load()
	group := supervise.NewGroup(context.Background(), slog.Default(), append(s.Tasks(), supervise.Task{Name: "link", Run: link.Run})...)
	defer group.Stop()

	state := s.Scripts().Ask(context.Background(), "disk-report", "1.4.0")
	fmt.Println(state.Known, state.Refuses("1.4.0"))
	fmt.Println(s.Current().HeartbeatInterval)
	// Output:
	// true false
	// 30s
}
