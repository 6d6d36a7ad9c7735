package schedule_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/schedule"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func Example() {
	dir, err := os.MkdirTemp("", "schedule")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	broker := jstest.NewFake()
	js, transport := broker.JetStream(), broker.Conn()
	for bucket, row := range map[string]string{
		wire.BucketSchedules: `{"id":"nightly","cron":"* * * * * *","job_id":"report","target":{"all":true},"mode":"once_per_pc","runs_on":"agent"}`,
		wire.BucketJobs:      `{"id":"report","version":"1","execute":{"shell":"cmd","script":"ver","timeout":"1m"}}`,
	} {
		kv, err := js.CreateOrUpdateKeyValue(context.Background(), jetstream.KeyValueConfig{Bucket: bucket})
		if err != nil {
			fmt.Println(err)
			return
		}
		key := map[string]string{wire.BucketSchedules: "nightly", wire.BucketJobs: "report"}[bucket]
		if _, err := kv.PutString(context.Background(), key, row); err != nil {
			fmt.Println(err)
			return
		}
	}

	out := make(chan delivery.Delivery)
	s := schedule.New(schedule.Config{
		PCID: "LAB-09", Dir: filepath.Join(dir, "schedule"), Completions: filepath.Join(dir, schedule.CompletionsFile), FS: atomicfile.OS,
		Watch: func(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), opts ...retry.Option) error {
			return retry.WatchKV(ctx, retry.NewKVReader(transport), bucket, keys, apply, opts...)
		},
		Groups:  func() ([]string, <-chan struct{}) { return nil, nil },
		Pending: func(string) bool { return true }, Out: out, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	s.Load()
	tasks := supervise.NewGroup(context.Background(), slog.Default(), s.Tasks()...)

	d := <-out // the command path
	c, err := wire.DecodeCommand(d.Data)
	fmt.Println(d.Source, c.ID, c.Script, err)
	d.Answer(delivery.Ack)
	s.Finished(c.RequestID, 0)

	tasks.Stop()
	s.Close()
	done, err := os.ReadFile(filepath.Join(dir, schedule.CompletionsFile))
	fmt.Println(len(done) > len(`{"nightly::report":""}`), err)
	// Output:
	// schedule report ver <nil>
	// true <nil>
}
