package agent

import (
	"context"
	"maps"
	"slices"

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
			opts = append(opts, retry.WithLogger(log), p.report.board.Option(), a.hintSpread(bucket))
			return retry.WatchKV(ctx, reader, bucket, keys, apply, opts...)
		},
		Connected: func() bool {
			connected, _ := p.transport.State()
			return connected
		},
		Observe: func(kind string, payload map[string]string) { recorder.Observe(context.Background(), kind, payload) },
	})
	p.settings.Load()
	p.report.scopes = func() []ScopeStatus { return scopes(p.settings.Status()) }
}

// currentSettings are those of now, with what is closed when they change.
func (p *parts) currentSettings() (wire.EffectiveConfig, <-chan struct{}) {
	changed := p.settings.Changed() // first: nothing is missed in between
	return p.settings.Current(), changed
}

// scopes lists the scopes that are in force, then the buckets.
func scopes(s settings.Status) (all []ScopeStatus) {
	for _, scope := range slices.Sorted(maps.Keys(s.Scopes)) {
		all = append(all, ScopeStatus{Scope: scope, Revision: s.Scopes[scope]})
	}
	for _, b := range s.Buckets {
		if b.Known {
			all = append(all, ScopeStatus{Scope: b.Bucket, Revision: b.Revision, StaleSince: utc(b.Stale)})
		}
	}
	return all
}
