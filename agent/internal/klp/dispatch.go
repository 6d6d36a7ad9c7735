package klp

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// method answers one request. It is called with the session's mu held.
type method func(ctx context.Context, s *session, params json.RawMessage) (json.RawMessage, error)

// methods has all but the one that waits for the disk, see readLog.
var methods = map[string]method{
	wire.KLPHandshakeMethod:        handshake,
	wire.KLPPingMethod:             ping,
	wire.KLPVersionMethod:          version,
	wire.KLPStateSnapshotMethod:    snapshot,
	wire.KLPStateSubscribeMethod:   subscribe,
	wire.KLPStateUnsubscribeMethod: unsubscribe,
}

// errFull ends a connection that is one too many.
var errFull = errors.New("klp: too many connections")

// answer handles one frame. An error ends the connection.
func (s *session) answer(ctx context.Context, body []byte) error {
	m, err := wire.DecodeKLPMessage(body)
	silent := err == nil && (m.Method == "" || m.ID == "") // a response, or a notification
	if !s.rates.take(s.peer.account, time.Now()) {
		return s.refuse(ctx, m.ID, silent)
	}
	if silent {
		return nil
	}
	if err == nil && m.Method == wire.KLPLogTailMethod && s.welcomed() {
		return s.readLog(ctx, m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var result json.RawMessage
	if err == nil {
		result, err = s.call(ctx, m)
	}
	return errors.Join(s.respond(ctx, m, result, err), ending(err))
}

// respond answers a request. Call it with mu held.
func (s *session) respond(ctx context.Context, m wire.KLPMessage, result json.RawMessage, err error) error {
	return s.send(ctx, wire.KLPMessage{ID: m.ID, Result: result, Error: s.failure(m.Method, err)})
}

func (s *session) welcomed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.welcome
}

// ending keeps what ends the connection.
func ending(err error) error {
	if errors.Is(err, errFull) {
		return err
	}
	return nil
}

// refuse answers one request too many. The pause bounds what a flood costs.
func (s *session) refuse(ctx context.Context, id wire.KLPID, silent bool) error {
	s.refused.warn(time.Now(), "reason", "too many requests", "user", s.peer.user)
	if !silent {
		s.mu.Lock()
		err := s.send(ctx, wire.KLPMessage{ID: id, Error: &wire.KLPError{
			Kind: wire.KLPRateLimit, Detail: "too many requests of this user; wait a second before each of the next",
		}})
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	supervise.Sleep(ctx, s.limits.pause)
	return nil
}

func (s *session) call(ctx context.Context, m wire.KLPMessage) (result json.RawMessage, err error) {
	if !s.welcome && m.Method != wire.KLPHandshakeMethod {
		return nil, &wire.KLPError{Kind: wire.KLPInvalidRequest, Detail: wire.KLPHandshakeMethod + " comes first"}
	}
	call, ok := methods[m.Method]
	if !ok {
		return nil, &wire.KLPError{Kind: wire.KLPMethodNotFound, Detail: "not served: " + clip(m.Method)}
	}
	defer supervise.Recover(&err)
	return call(ctx, s, m.Params)
}

// failure is what the client is told of an error. What is not meant for it goes
// to the log.
func (s *session) failure(method string, err error) *wire.KLPError {
	var told *wire.KLPError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return told
	case errors.Is(err, wire.ErrDecode):
		return &wire.KLPError{Kind: wire.KLPInvalidParams, Detail: err.Error()}
	}
	s.cfg.Logger.Error("a local request failed", "method", method, "user", s.peer.user, "error", err)
	return &wire.KLPError{Kind: wire.KLPInternalError, Detail: "the agent could not answer; its log says why"}
}
