package klp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

func handshake(_ context.Context, s *session, params json.RawMessage) (json.RawMessage, error) {
	asked, err := wire.DecodeKLPHandshake(params)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(asked.Protocol, wire.KLPProtocol) {
		return nil, &wire.KLPError{Kind: wire.KLPStaleProtocol, Detail: "this agent speaks version 1 only"}
	}
	if full := s.clients.accept(s.place, s.peer.account); full != nil {
		s.refused.warn(time.Now(), "reason", full.Detail, "user", s.peer.user)
		return nil, errors.Join(full, errFull)
	}
	s.welcome = true
	return wire.KLPWelcome{
		AgentVersion: s.cfg.Version, Protocol: wire.KLPProtocol,
		Session: wire.KLPSession{PCID: s.cfg.PCID, SessionID: s.peer.session, User: s.peer.user},
	}.Encode(), nil
}

func ping(_ context.Context, s *session, params json.RawMessage) (json.RawMessage, error) {
	if err := wire.CheckKLPNoParams(params); err != nil {
		return nil, err
	}
	return wire.KLPPong{AgentTime: s.cfg.Now()}.Encode(), nil
}

func version(_ context.Context, s *session, params json.RawMessage) (json.RawMessage, error) {
	if err := wire.CheckKLPNoParams(params); err != nil {
		return nil, err
	}
	return wire.KLPVersions{AgentVersion: s.cfg.Version, TargetAgentVersion: s.board.get().Snapshot.TargetVersion}.Encode(), nil
}

func snapshot(_ context.Context, s *session, params json.RawMessage) (json.RawMessage, error) {
	if err := wire.CheckKLPNoParams(params); err != nil {
		return nil, err
	}
	return s.board.get().Snapshot.Encode(), nil
}

func subscribe(ctx context.Context, s *session, params json.RawMessage) (json.RawMessage, error) {
	if err := wire.CheckKLPNoParams(params); err != nil {
		return nil, err
	}
	id, full := s.subscribe(ctx)
	if full != nil {
		return nil, full
	}
	return wire.KLPSubscription{ID: id}.Encode(), nil
}

func unsubscribe(_ context.Context, s *session, params json.RawMessage) (json.RawMessage, error) {
	asked, err := wire.DecodeKLPSubscription(params)
	if err != nil {
		return nil, err
	}
	if missing := s.unsubscribe(asked.ID); missing != nil {
		return nil, missing
	}
	return nil, nil
}
