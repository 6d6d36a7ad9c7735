package klp

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/kanade-go/kanade/agent/wire"
)

// push tells a client that subscribed about every new state, until ctx ends. Of
// the states that came while it did not read there is only the newest.
func (s *session) push(ctx context.Context) error {
	for {
		p := s.board.get()
		if err := s.tell(ctx, p); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.changed:
		}
	}
}

func (s *session) tell(ctx context.Context, p post) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.subscribed) == 0 || p.version <= s.seen {
		return nil
	}
	s.seen = p.version
	return s.send(ctx, wire.KLPMessage{Method: wire.KLPStateChangedMethod, Params: p.Encode()})
}

// subscribe returns an id. The first state that is told is the next one.
func (s *session) subscribe(ctx context.Context) (string, *wire.KLPError) {
	if len(s.subscribed) >= s.limits.subscriptions {
		return "", &wire.KLPError{Kind: wire.KLPRateLimit, Detail: fmt.Sprintf("this connection has %d subscriptions already", s.limits.subscriptions)}
	}
	if len(s.subscribed) == 0 {
		s.seen = s.board.get().version
	}
	if s.numbered++; s.numbered == 1 {
		s.beside("pushes", func() error { return s.push(ctx) })
	}
	id := fmt.Sprintf("sub-s-%d", s.numbered)
	s.subscribed[id] = struct{}{}
	return id, nil
}

func (s *session) unsubscribe(id string) *wire.KLPError {
	if _, ok := s.subscribed[id]; !ok {
		return &wire.KLPError{Kind: wire.KLPNotFound, Detail: "no such subscription: " + clip(id)}
	}
	delete(s.subscribed, id)
	return nil
}

// clip keeps what a client sent from filling a response.
func clip(text string) string {
	most := 64
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "..."
}
