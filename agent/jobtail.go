package agent

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/internal/responder"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// Somebody who watches a job asks about once a second; several may. Beyond that a
// flood costs five answers a second.
const (
	jobTailEvery = 200 * time.Millisecond
	jobTailBurst = 20
)

// jobTailTask answers what commands have written so far.
func (a *Agent) jobTailTask(p *parts) supervise.Task {
	largest := maxPayload(p.transport)
	r := responder.Responder{
		Transport: p.transport, Subject: wire.JobTailSubject(a.cfg.ID), Every: jobTailEvery, Burst: jobTailBurst,
		Settled: p.report.denials.settled, Logger: a.log.With("component", "job tail"),
		Answer: func(_ context.Context, request []byte) ([]byte, error) {
			limit := wire.MaxJobTailReply
			if n := largest(); n > 0 {
				limit = min(limit, int(n))
			}
			return p.tails.Answer(request, limit), nil
		},
	}
	return supervise.Task{Name: "job tails", Run: r.Run}
}
