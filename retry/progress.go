package retry

import (
	"context"
	"log/slog"
	"time"
)

// progress reports the attempts of one wait. It is loud once: a bucket that is missing for a week is one warning.
type progress struct {
	what      string
	log       *slog.Logger
	onAttempt func(Attempt)
	failures  int
}

func (p *progress) failed(ctx context.Context, err error, wait time.Duration) {
	p.failures++
	level := slog.LevelDebug
	if p.failures == 1 {
		level = slog.LevelWarn
	}
	p.log.LogAttrs(ctx, level, "attempt failed, will be tried again", slog.String("what", p.what),
		slog.Any("error", err), slog.Duration("wait", wait), slog.Int("attempt", p.failures))
	p.report(Attempt{What: p.what, N: p.failures, Err: err, Wait: wait})
}

func (p *progress) succeeded(ctx context.Context) {
	if p.failures == 0 {
		p.log.LogAttrs(ctx, slog.LevelDebug, "succeeded", slog.String("what", p.what))
	} else {
		p.log.LogAttrs(ctx, slog.LevelInfo, "succeeded after failures", slog.String("what", p.what),
			slog.Int("failures", p.failures))
	}
	p.report(Attempt{What: p.what, N: p.failures + 1})
}

// gaveUp does not log: the error is returned.
func (p *progress) gaveUp(err error) {
	p.report(Attempt{What: p.what, N: p.failures + 1, Err: err})
}

func (p *progress) report(a Attempt) {
	if p.onAttempt != nil {
		p.onAttempt(a)
	}
}
