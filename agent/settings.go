package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/internal/settings"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// settingsFolder holds what was last known of the broker's buckets.
const settingsFolder = "settings"

// composeSettings takes what the last run knew. Nothing is watched yet.
func (a *Agent) composeSettings(p *parts) {
	log := a.log.With("component", "settings")
	reader, recorder := retry.NewKVReader(p.transport), a.recorder(p)
	p.settings = settings.New(settings.Config{
		PCID: a.cfg.ID, Dir: p.dir.Path(settingsFolder), FS: a.opts.fs, Rows: reader, Logger: log,
		Watch: func(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), opts ...retry.Option) error {
			opts = append(opts, retry.WithLogger(log), p.report.board.Option(), a.hintSpread(bucket), retry.WithBeat(p.beat.Until))
			return retry.WatchKV(ctx, reader, bucket, keys, apply, opts...)
		},
		Connected: func() bool {
			connected, _ := p.transport.State()
			return connected
		},
		Since:   p.link.Since,
		Observe: func(kind string, payload map[string]string) { recorder.Observe(context.Background(), kind, payload) },
	})
	p.settings.Load()
	p.report.scopes = func() []ScopeStatus { return scopes(p.settings.Status(), p.report.started) }
}

// currentSettings are those of now, with what is closed when they change.
func (p *parts) currentSettings() (wire.EffectiveConfig, <-chan struct{}) {
	changed := p.settings.Changed() // first: nothing is missed in between
	return p.settings.Current(), changed
}

// scopes lists the scopes that are in force, then the buckets that are known or have
// a problem.
func scopes(s settings.Status, started time.Time) (all []ScopeStatus) {
	for _, scope := range slices.Sorted(maps.Keys(s.Scopes)) {
		all = append(all, ScopeStatus{Scope: scope, Revision: s.Scopes[scope]})
	}
	for _, b := range s.Buckets {
		if view := bucketStatus(b, started); b.Known || view.Unreadable != "" || len(view.Problems) > 0 {
			all = append(all, view)
		}
	}
	return all
}

// bucketStatus is what others see of a bucket. One that was never read is stale
// since the start.
func bucketStatus(b settings.BucketStatus, started time.Time) ScopeStatus {
	view := ScopeStatus{Scope: b.Bucket, Revision: b.Revision, StaleSince: utc(b.Stale), MissingSince: utc(b.Missing), Unreadable: statusLine(b.Unreadable)}
	if !b.Known {
		view.StaleSince = utc(started)
	}
	view.Failure = statusLine(strings.Join(b.Severe, "; "))
	for _, text := range b.Problems {
		view.Problems = append(view.Problems, statusLine(text))
	}
	if len(b.Bad) > 0 {
		view.Problems = append(view.Problems, statusLine("rows that are not used as they are: "+strings.Join(b.Bad, ", ")))
	}
	if b.Kept > 0 {
		view.Problems = append(view.Problems, fmt.Sprintf("revocations that are in force although their rows are gone and were not deleted: %d", b.Kept))
	}
	return view
}

func statusLine(text string) string { return health.Line(text, health.MaxError) }
