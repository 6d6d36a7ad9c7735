package klp

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = time.Minute

var noon = time.Date(2031, 3, 4, 12, 0, 0, 1000, time.UTC)

// fakeHost is a host that a test sets.
type fakeHost struct {
	mu      sync.Mutex
	online  bool
	target  string
	free    uint64
	changed chan struct{}
}

func newHost() *fakeHost {
	return &fakeHost{online: true, free: 50 << 30, changed: make(chan struct{})}
}

func (h *fakeHost) set(change func(*fakeHost)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *fakeHost) Online() (bool, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.online, h.changed
}

func (h *fakeHost) Target() (string, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.target, h.changed
}

func (h *fakeHost) Disk() (free, total uint64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.free, 100 << 30, nil
}

// logFunc is a log that a test writes.
type logFunc func(lines uint32, limit int64) ([]string, error)

func (f logFunc) Tail(lines uint32, limit int64) ([]string, error) { return f(lines, limit) }

func noLog(uint32, int64) ([]string, error) { return nil, nil }

// fast are limits that no test waits for, unless it sets one.
func fast() limits {
	l := defaultLimits
	l.header, l.frame, l.disk, l.burst = generous, generous, generous, 1<<20
	return l
}

func config(t testing.TB) Config {
	return Config{
		Endpoint: Endpoint{Path: tempEndpoint(t)}, PCID: "LAB-09", Version: "0.43.17", Host: newHost(), Log: logFunc(noLog),
		Now: func() time.Time { return noon }, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), limits: fast(),
	}
}

// start runs a server until the test ends, and returns when it can be reached.
func start(t testing.TB, cfg Config) *Server {
	t.Helper()
	s := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	dial(t, cfg.Endpoint.Path).close()
	return s
}

// client is the other side.
type client struct {
	t    testing.TB
	conn interface {
		io.ReadWriteCloser
		SetDeadline(time.Time) error
	}
}

// dial connects, as soon as somebody listens.
func dial(t testing.TB, path string) *client {
	t.Helper()
	for until := time.Now().Add(generous); ; time.Sleep(time.Millisecond) {
		c, err := dialOnce(path)
		if err == nil {
			require.NoError(t, c.SetDeadline(time.Now().Add(generous)))
			return &client{t: t, conn: c}
		}
		require.Less(t, time.Now(), until, "%v", err)
	}
}

func (c *client) close() { require.NoError(c.t, c.conn.Close()) }

func (c *client) write(raw []byte) {
	c.t.Helper()
	_, err := c.conn.Write(raw)
	require.NoError(c.t, err)
}

func (c *client) send(body string) {
	c.t.Helper()
	whole, err := frame([]byte(body))
	require.NoError(c.t, err)
	c.write(whole)
}

func (c *client) receive() (string, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(c.conn, header[:]); err != nil {
		return "", err
	}
	body := make([]byte, binary.LittleEndian.Uint32(header[:]))
	_, err := io.ReadFull(c.conn, body)
	return string(body), err
}

// next returns the next frame.
func (c *client) next() string {
	c.t.Helper()
	body, err := c.receive()
	require.NoError(c.t, err)
	return body
}

func (c *client) ask(body string) string {
	c.t.Helper()
	c.send(body)
	return c.next()
}

// call returns a result.
func (c *client) call(method string, params json.RawMessage) (json.RawMessage, error) {
	c.t.Helper()
	answer := c.ask(string(wire.KLPMessage{ID: wire.KLPStringID(method), Method: method, Params: params}.Encode()))
	m, err := wire.DecodeKLPMessage([]byte(answer))
	require.NoError(c.t, err, answer)
	require.Equal(c.t, wire.KLPStringID(method), m.ID)
	if m.Error != nil {
		return nil, m.Error
	}
	return m.Result, nil
}

func (c *client) kind(method string, params json.RawMessage) wire.KLPErrorKind {
	c.t.Helper()
	_, err := c.call(method, params)
	var failure *wire.KLPError
	require.ErrorAs(c.t, err, &failure)
	return failure.Kind
}

func (c *client) handshake() *client {
	c.t.Helper()
	_, err := c.call(wire.KLPHandshakeMethod, wire.KLPHandshake{Client: "test", ClientVersion: "1", Protocol: []uint32{1}}.Encode())
	require.NoError(c.t, err)
	return c
}

// requireEnd waits until the server has closed the connection, and returns what
// it said before.
func (c *client) requireEnd() (said []string) {
	c.t.Helper()
	for {
		body, err := c.receive()
		if err != nil {
			require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded)
			require.NotErrorIs(c.t, err, io.ErrUnexpectedEOF, "half a frame")
			return said
		}
		said = append(said, body)
	}
}

const childEndpoint = "KANADE_TEST_KLP_ENDPOINT"

// serveUntilKilled is the other process of a test.
func serveUntilKilled(path string) int {
	cfg := Config{Endpoint: Endpoint{Path: path}, PCID: "child", Version: "1", Host: newHost(), Log: logFunc(noLog)}
	if err := New(cfg).Run(context.Background()); err != nil {
		return 1
	}
	return 0
}
