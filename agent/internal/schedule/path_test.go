package schedule_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/internal/schedule"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

// host is a scheduler over the real command path and its ledger, put together as
// the agent does it.
type host struct {
	t     *testing.T
	dir   string
	sched *schedule.Service
	fails atomic.Bool // the runs, for now
	runs  atomic.Int64

	mu      sync.Mutex
	results []wire.Result
}

func (*host) Available() error { return nil }

func (*host) Repeatable() bool { return false }

func (h *host) Run(context.Context, wire.Command, int) (exec.Outcome, error) {
	h.runs.Add(1)
	now := time.Now()
	o := exec.Outcome{Started: now, Finished: now}
	if h.fails.Load() {
		o.Code = 3
	}
	return o, nil
}

func (*host) Started(context.Context, wire.Command, time.Time) {}

func (*host) Emit(context.Context, wire.Command, string) bool { return true }

func (*host) Observe(context.Context, string, map[string]string) {}

func (*host) Room() error { return nil }

// Put is the sink of results.
func (h *host) Put(_ context.Context, r outbox.Record) error {
	result, err := wire.DecodeResult(r.Data)
	assert.NoError(h.t, err)
	if h.sched.Owns(r.Name) {
		h.sched.Finished(r.Name, result.ExitCode)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.results = append(h.results, result)
	return nil
}

func (h *host) codes() (codes []int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.results {
		codes = append(codes, r.ExitCode)
	}
	return codes
}

// start returns what stops the host.
func (h *host) start() (stop func()) {
	log := slog.New(slog.NewTextHandler(h.t.Output(), nil))
	ledger, _, err := command.OpenLedger(atomicfile.OS, filepath.Join(h.dir, "ledger"), "PC-1", time.Now)
	require.NoError(h.t, err)
	commands := command.New(command.Config{
		PCID: "PC-1", Ledger: ledger, Sink: h, Shells: map[string]command.Shell{"cmd": h}, Events: h,
		Offline: func() time.Duration { return 0 }, Now: time.Now, Logger: log,
	})
	out := make(chan delivery.Delivery)
	h.sched = schedule.New(schedule.Config{
		PCID: "PC-1", Dir: filepath.Join(h.dir, "schedule"), Completions: filepath.Join(h.dir, schedule.CompletionsFile), FS: atomicfile.OS,
		Watch: view, Groups: func() ([]string, <-chan struct{}) { return nil, nil }, Out: out, Now: time.Now, Logger: log,
		Pending: func(requestID string) bool {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ledger.WaitFinished(ctx, ledger.KeyOf(requestID)) != nil
		},
	})
	h.sched.Load()
	commands.Recover()
	work := supervise.NewGroup(context.Background(), log,
		supervise.Task{Name: "admission", Run: func(ctx context.Context) error { return commands.Admit(ctx, out) }},
		supervise.Task{Name: "commands", Run: func(ctx context.Context) error { return commands.Perform(ctx, time.Second) }})
	tasks := supervise.NewGroup(context.Background(), log, h.sched.Tasks()...)
	return func() {
		tasks.Stop()
		close(out)
		work.Stop()
		h.sched.Close()
		require.NoError(h.t, ledger.Close())
	}
}

func view(ctx context.Context, bucket string, _ retry.Keys, apply func(retry.View), _ ...retry.Option) error {
	rows := map[string]retry.Entry{"s": {Value: []byte(`{"id":"s","cron":"* * * * * *","job_id":"j","target":{"all":true},"mode":"once_per_pc","runs_on":"agent"}`)}}
	if bucket == wire.BucketJobs {
		rows = map[string]retry.Entry{"j": {Value: []byte(`{"id":"j","version":"1","execute":{"shell":"cmd","script":"x","timeout":"1m"}}`)}}
	}
	apply(retry.View{Entries: rows})
	<-ctx.Done()
	return ctx.Err()
}

// A once-per-pc job fails, the agent restarts, the job succeeds, the agent
// restarts: each fire has one result, and there is none after the success. How often
// it fires before that is the clock's business: a slow host stops late.
func TestOverTheRealCommandPath(t *testing.T) {
	t.Parallel()
	h := &host{t: t, dir: t.TempDir()}
	h.fails.Store(true)
	stop := h.start()
	require.Eventually(t, func() bool { return len(h.codes()) >= 1 }, time.Minute, 5*time.Millisecond)
	stop()
	before := len(h.codes())
	stop = h.start()
	require.Eventually(t, func() bool { return len(h.codes()) > before }, time.Minute, 5*time.Millisecond)
	h.fails.Store(false)
	require.Eventually(t, func() bool { return h.sched.Status().Succeeded == 1 }, time.Minute, 5*time.Millisecond)
	passed := h.sched.Status().Passed
	require.Eventually(t, func() bool { return h.sched.Status().Passed > passed+1 }, time.Minute, 5*time.Millisecond)
	stop()
	stop = h.start()
	require.Eventually(t, func() bool { return h.sched.Status().Passed > 1 }, time.Minute, 5*time.Millisecond)
	stop()
	codes := h.codes()
	want := slices.Repeat([]int32{3}, len(codes))
	want[len(want)-1] = 0
	require.Equal(t, want, codes, "once it has succeeded it is over")
	require.EqualValues(t, len(codes), h.runs.Load())
}
