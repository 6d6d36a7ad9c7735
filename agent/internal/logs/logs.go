package logs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kanade-go/kanade/agent/internal/responder"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// maxRequest is how large a request may be, in bytes.
const maxRequest = 64 << 10

const (
	// answerEvery and answerBurst bound what a flood of requests costs.
	answerEvery = time.Second
	answerBurst = 10
)

// ErrNoLog is wrapped by the answer when there is no log file.
var ErrNoLog = errors.New("this host keeps no log file")

// Config is what the responder needs of the agent.
type Config struct {
	PCID string
	// File is the template dir/stem.ext of the daily files. Empty: there are none.
	File      string
	Transport retry.Transport
	// Settled is called with the subject of requests when the broker had refused it
	// and does not any more. Nil: nobody is told.
	Settled func(subject string)
	Logger  *slog.Logger
}

// Service answers the requests of one host.
type Service struct {
	cfg    Config
	reader *Reader
}

// New returns a service. It touches neither the disk nor the broker.
func New(cfg Config) *Service {
	return &Service{cfg: cfg, reader: NewReader(cfg.File)}
}

// Run answers until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	r := responder.Responder{
		Transport: s.cfg.Transport, Subject: wire.LogsFetchSubject(s.cfg.PCID), Answer: s.answer,
		Every: answerEvery, Burst: answerBurst, Settled: s.cfg.Settled, Logger: s.cfg.Logger,
	}
	return r.Run(ctx)
}

func (s *Service) answer(_ context.Context, request []byte) ([]byte, error) {
	text, err := s.tail(request)
	if err != nil {
		return nil, fmt.Errorf("%s%w", wire.LogErrorPrefix, err)
	}
	return text, nil
}

func (s *Service) tail(request []byte) ([]byte, error) {
	if len(request) > maxRequest {
		return nil, fmt.Errorf("the request has %d bytes; at most %d are read; send {\"tail_lines\":500}", len(request), maxRequest)
	}
	// What cannot be decoded asks for the default number.
	q, err := wire.DecodeLogsRequest(request)
	if err != nil {
		s.cfg.Logger.Debug("a logs request was not understood; it gets the default number of lines", "error", err)
	}
	if s.cfg.File == "" {
		return nil, fmt.Errorf("%w: log.path is not set, or keep_days is 0", ErrNoLog)
	}
	return s.reader.tail(q.TailLines, s.limit())
}

// limit is how large a reply may be.
func (s *Service) limit() int64 {
	limit := int64(wire.MaxLogReply)
	if t, ok := s.cfg.Transport.(interface{ MaxPayload() int64 }); ok && t.MaxPayload() > 0 {
		limit = min(limit, t.MaxPayload())
	}
	return limit
}
