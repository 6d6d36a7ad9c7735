package agent

import (
	"context"
	"fmt"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/internal/schedule"
	"github.com/kanade-go/kanade/agent/internal/scripts"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/retry"
)

// scheduleFolder holds what was last known of the local schedules, and how far
// they have come.
const scheduleFolder = "schedule"

// composeSchedule takes what the last run knew. It comes before the commands that
// were left are recovered: some of them may be runs of schedules. Nothing fires yet.
func (a *Agent) composeSchedule(p *parts, objects *scripts.Cache) {
	log := a.log.With("component", "schedule")
	reader, recorder := retry.NewKVReader(p.transport), a.recorder(p)
	p.schedule = schedule.New(schedule.Config{
		PCID: a.cfg.ID, Dir: p.dir.Path(scheduleFolder), Completions: p.dir.Path(schedule.CompletionsFile), FS: a.opts.fs,
		Watch: func(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), opts ...retry.Option) error {
			opts = append(opts, retry.WithLogger(log), p.report.board.Option(), a.hintSpread(bucket), retry.WithBeat(p.beat.Until))
			return retry.WatchKV(ctx, reader, bucket, keys, apply, opts...)
		},
		Groups: p.settings.Groups, Lookup: p.settings.Scripts().Known, Objects: objects,
		Out: p.arrivals, Pending: func(requestID string) bool { return owesResult(p.ledger, requestID) },
		Owed:    func() []string { return owedLocally(p.ledger) },
		Observe: func(kind string, payload map[string]string) { recorder.Observe(context.Background(), kind, payload) },
		Now:     a.opts.now, Logger: log, SettleIn: a.opts.settleIn,
	})
	p.schedule.Load()
}

// owesResult reports whether a command was accepted and has no stored result yet.
// It does not wait for the disk.
func owesResult(l *command.Ledger, requestID string) bool {
	key := l.KeyOf(requestID)
	_, _, waits := l.Body(key)
	_, decided := l.Verdict(key)
	return waits || decided
}

// owedLocally are the runs of local schedules that were accepted and have no stored
// result yet.
func owedLocally(l *command.Ledger) (ids []string) {
	for _, r := range l.Unfinished() {
		c, err := wire.DecodeCommand(r.Body)
		if r.Result != nil {
			var result wire.Result
			result, err = wire.DecodeResult(r.Result)
			c.RequestID = result.RequestID
		}
		if err == nil && schedule.IsRequestID(c.RequestID) {
			ids = append(ids, c.RequestID)
		}
	}
	return ids
}

// scheduledSink tells the scheduler how its runs ended before it stores their
// results: what was done once is on disk before anybody can see that it was.
type scheduledSink struct {
	command.Sink
	schedule *schedule.Service
}

func (s scheduledSink) Put(ctx context.Context, r outbox.Record) error {
	if s.schedule.Owns(r.Name) {
		result, err := wire.DecodeResult(r.Data)
		if err != nil {
			return fmt.Errorf("agent: read result of a local schedule: %w", err)
		}
		s.schedule.Finished(r.Name, result.ExitCode)
	}
	return s.Sink.Put(ctx, r)
}
