package command

import (
	"context"
	"log/slog"
	"time"
)

// knowledgePause is after which time a command is decided again of whose job
// nothing was known.
const knowledgePause = time.Second

// await puts back a command that cannot be decided yet. It holds no slot, and
// others go on.
func (p *performer) await(ctx context.Context, r *candidate) {
	if ctx.Err() == nil {
		level := slog.LevelDebug
		if !p.unknown.Swap(true) {
			level = slog.LevelWarn
		}
		p.log.Log(ctx, level, "commands wait: whether their jobs are revoked is not known for certain yet; the broker is asked again",
			"request_id", r.command.RequestID, "job", r.command.ID)
	}
	pause := knowledgePause + time.Duration(p.queue.len())*time.Millisecond
	p.queue.again(r.item, time.Now().Add(pause))
	p.killMissed(r)
}

// knows tells that commands are decided again.
func (p *performer) knows(ctx context.Context) {
	if p.unknown.Swap(false) {
		p.log.InfoContext(ctx, "commands start again: it is known which jobs are revoked")
	}
}
