package klp

import (
	"context"
	"encoding/json"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// logRoom is what the lines of a log may have in a response.
const logRoom = wire.KLPMaxBody - 4<<10

// readLog answers when the disk has, while other requests go on. A connection
// reads once at a time.
func (s *session) readLog(ctx context.Context, m wire.KLPMessage) error {
	if !s.reading.CompareAndSwap(false, true) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.respond(ctx, m, nil, &wire.KLPError{Kind: wire.KLPRateLimit, Detail: "the log is being read for this connection already"})
	}
	s.beside("log", func() error {
		result, err := s.logTail(m.Params)
		s.reading.Store(false)
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.respond(ctx, m, result, err)
	})
	return nil
}

// logTail is for those who could read the file themselves.
func (s *session) logTail(params json.RawMessage) (result json.RawMessage, err error) {
	asked, err := wire.DecodeKLPLogTail(params)
	if err != nil {
		return nil, err
	}
	if !s.peer.trusted {
		return nil, &wire.KLPError{Kind: wire.KLPUnauthorized, Detail: "the agent's log is for administrators"}
	}
	defer supervise.Recover(&err)
	lines, err := s.cfg.Log.Tail(min(asked.Lines, wire.KLPMaxLines), logRoom)
	if err != nil {
		return nil, err
	}
	return wire.KLPLogLines{Lines: lines, Truncated: asked.Lines > wire.KLPMaxLines}.Fitting(logRoom).Encode(), nil
}
