package klp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

// session is one connection: a goroutine that answers requests, one that pushes
// states to a client that subscribed, and now and then one that reads the log.
type session struct {
	*Server
	conn   conn
	place  *place
	end    context.CancelFunc
	opened time.Time
	peer   peer // after the first header

	tasks   sync.WaitGroup
	reading atomic.Bool // the log, beside the requests

	mu         sync.Mutex // of the writes, and of what follows
	welcome    bool       // there was a handshake
	subscribed map[string]struct{}
	numbered   int
	seen       uint64 // version of the state that the client knows of
}

// admit serves a connection, which has a slot, beside the others.
func (s *Server) admit(base context.Context, c conn) {
	ctx, cancel := context.WithCancel(base)
	taken, pushed := s.clients.enter(cancel)
	if pushed {
		s.refused.warn(time.Now(), "reason", "too many that did not introduce themselves")
	}
	one := &session{Server: s, conn: c, place: taken, end: cancel, opened: time.Now(), subscribed: make(map[string]struct{})}
	s.sessions.Go(func() {
		defer func() { <-s.slots }()
		defer cancel()
		defer s.clients.leave(taken)
		one.run(ctx)
	})
}

// run serves the connection until one side ends it.
func (s *session) run(ctx context.Context) {
	defer s.tasks.Wait()
	defer func() { _ = s.conn.Close() }()
	defer s.end()
	defer context.AfterFunc(ctx, s.interrupt)()
	err := protected(func() error { return s.requests(ctx) })
	s.ended("requests", err)
}

// beside runs a part of the connection. Its error ends the connection.
func (s *session) beside(part string, f func() error) {
	s.tasks.Go(func() {
		if err := protected(f); err != nil {
			s.ended(part, err)
			s.end()
		}
	})
}

func (s *session) ended(part string, err error) {
	var panicked *supervise.PanicError
	switch {
	case errors.As(err, &panicked):
		s.cfg.Logger.Error("a local connection failed", "part", part, "user", s.peer.user, "error", err)
	case err != nil && !errors.Is(err, io.EOF):
		s.cfg.Logger.Debug("a local connection ended", "part", part, "user", s.peer.user, "error", err)
	}
}

func protected(f func() error) (err error) {
	defer supervise.Recover(&err)
	return f()
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// interrupt ends what waits for the client. What is being written has a moment.
func (s *session) interrupt() {
	_ = s.conn.SetReadDeadline(past)
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.limits.lastWrite))
}

// requests answers frames until the client ends, errs, or takes too long.
func (s *session) requests(ctx context.Context) error {
	for {
		size, err := s.header(ctx)
		if errors.Is(err, errTooLarge) {
			return errors.Join(err, s.fail(ctx, wire.KLPPayloadTooLarge, err.Error()))
		}
		if err != nil {
			return err
		}
		body, err := readBody(s.conn, size)
		if err != nil {
			return fmt.Errorf("klp: read frame: %w", err)
		}
		if err := s.answer(ctx, body); err != nil {
			return err
		}
	}
}

// header waits for a frame and returns the size of its body. From its first byte
// on, the frame has to come within a time.
func (s *session) header(ctx context.Context) (int, error) {
	var header [headerSize]byte
	if err := s.await(ctx, s.patience()); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(s.conn, header[:1]); err != nil {
		return 0, fmt.Errorf("klp: wait for a frame: %w", err)
	}
	if err := s.await(ctx, s.soon()); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(s.conn, header[1:]); err != nil {
		return 0, fmt.Errorf("klp: read header: %w", unexpected(err))
	}
	if s.peer.account == "" {
		var err error
		if s.peer, err = s.conn.Peer(); err != nil {
			s.refused.warn(time.Now(), "reason", err)
			return 0, err
		}
	}
	return bodySize(header)
}

// patience is until when the next frame has to begin; zero: for ever. A client
// that subscribed may have nothing to ask.
func (s *session) patience() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.welcome:
		return s.opened.Add(s.limits.header)
	case len(s.subscribed) > 0:
		return time.Time{}
	}
	return time.Now().Add(s.limits.idle)
}

// soon is until when a frame that began has to be whole.
func (s *session) soon() time.Time {
	until := time.Now().Add(s.limits.frame)
	s.mu.Lock()
	defer s.mu.Unlock()
	if handshake := s.opened.Add(s.limits.header); !s.welcome && handshake.Before(until) {
		return handshake
	}
	return until
}

// await sets the deadline of reads. It does not take back the one of interrupt.
func (s *session) await(ctx context.Context, until time.Time) error {
	if err := s.conn.SetReadDeadline(until); err != nil {
		return fmt.Errorf("klp: set deadline: %w", err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// send writes a message. Call it with mu held.
func (s *session) send(ctx context.Context, m wire.KLPMessage) error {
	whole, err := frame(m.Encode())
	if err != nil {
		s.cfg.Logger.Error("an answer to a local client does not fit into a frame", "method", m.Method, "error", err)
		whole, err = frame(wire.KLPMessage{ID: m.ID, Error: &wire.KLPError{Kind: wire.KLPInternalError, Detail: err.Error()}}.Encode())
	}
	if err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.limits.frame)); err != nil {
		return fmt.Errorf("klp: set deadline: %w", err)
	}
	if ctx.Err() != nil {
		s.interrupt() // its deadline may have come before this one
	}
	if _, err := s.conn.Write(whole); err != nil {
		return fmt.Errorf("klp: write frame: %w", err)
	}
	return nil
}

// fail sends an error that answers nothing in particular.
func (s *session) fail(ctx context.Context, kind wire.KLPErrorKind, detail string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.send(ctx, wire.KLPMessage{Error: &wire.KLPError{Kind: kind, Detail: detail}})
}
