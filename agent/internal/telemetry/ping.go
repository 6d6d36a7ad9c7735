package telemetry

import (
	"context"
	"time"

	"github.com/kanade-go/kanade/agent/internal/responder"
	"github.com/kanade-go/kanade/agent/wire"
)

const (
	pingEvery = 50 * time.Millisecond
	pingBurst = 20
)

// answerPings answers whatever the request says.
func (s *Service) answerPings(ctx context.Context) error {
	r := responder.Responder{
		Transport: s.cfg.Transport, Subject: wire.PingSubject(s.cfg.PCID), Every: pingEvery, Burst: pingBurst,
		Settled: s.cfg.Settled, Logger: s.cfg.Logger,
		Answer: func(context.Context, []byte) ([]byte, error) { return s.identity().Encode(), nil },
	}
	return r.Run(ctx)
}
