package klp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// madeUp is a connection whose other end is whom a test says.
type madeUp struct {
	net.Conn
	who peer
	err error
}

func (m madeUp) Peer() (peer, error) { return m.who, m.err }

// admitted serves connections without an endpoint, until the test ends.
func admitted(t testing.TB, l limits) (s *Server, connect func(peer, error) *client) {
	t.Helper()
	s = New(Config{
		PCID: "LAB-09", Version: "0.43.17", Host: newHost(), Log: logFunc(noLog), Now: func() time.Time { return noon },
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), limits: l,
	})
	s.evaluate()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); s.sessions.Wait() })
	return s, func(who peer, err error) *client {
		ours, theirs := net.Pipe()
		require.True(t, s.slot(ctx))
		s.admit(ctx, madeUp{theirs, who, err})
		return &client{t: t, conn: ours}
	}
}

func somebody(n int) peer { return peer{user: fmt.Sprint("user ", n), account: fmt.Sprint("uid ", n)} }

const (
	subscribed   = `{"jsonrpc":"2.0","id":"s","method":"state.subscribe"}`
	unsubscribed = `{"jsonrpc":"2.0","id":"u","method":"state.unsubscribe","params":{"subscription":"sub-s-1"}}`
)

func mustFrame(body string) []byte {
	whole, err := frame([]byte(body))
	if err != nil {
		panic(err)
	}
	return whole
}

func single(b []byte) (all [][]byte) {
	for _, one := range b {
		all = append(all, []byte{one})
	}
	return all
}
