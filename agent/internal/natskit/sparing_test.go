package natskit

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// timed counts how often a deadline for writes reaches the socket.
type timed struct {
	*net.TCPConn
	deadlines atomic.Int64
}

func (c *timed) SetWriteDeadline(t time.Time) error {
	c.deadlines.Add(1)
	return c.TCPConn.SetWriteDeadline(t)
}

// socket returns a connection and who reads from it.
func socket(t *testing.T) (*timed, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	far, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() }) // some tests do
	t.Cleanup(func() { _ = near.Close() })
	return &timed{TCPConn: near.(*net.TCPConn)}, far
}

func TestAWriteThatNeedNotWaitSetsNoTimer(t *testing.T) {
	t.Parallel()
	below, far := socket(t)
	conn := spare(below)
	for range 100 {
		require.NoError(t, conn.SetWriteDeadline(time.Now().Add(patience)))
		n, err := conn.Write([]byte("PING\r\n"))
		require.NoError(t, err)
		require.Equal(t, 6, n)
		require.NoError(t, conn.SetWriteDeadline(time.Time{}))
	}
	got := make([]byte, 600)
	_, err := io.ReadFull(far, got)
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte("PING\r\n"), 100), got)
	if writeNow(conn.(*sparing).raw, []byte("x")) == 1 { // not on Windows
		require.Zero(t, below.deadlines.Load())
	}
}

// A reader that does not read costs a writer no longer than its deadline; what was
// taken is told.
func TestAWriteThatWaitsEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	below, far := socket(t)
	conn := spare(below)
	block := bytes.Repeat([]byte("x"), 64<<20)
	require.NoError(t, conn.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
	n, err := conn.Write(block)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, n, len(block))
	_, err = conn.Write(block[:1])
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it has passed")

	require.NoError(t, conn.SetWriteDeadline(time.Time{}))
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Write(block)
		ended <- err
	}()
	require.Eventually(t, func() bool { return conn.(*sparing).isWaiting() }, patience, time.Millisecond)
	require.NoError(t, conn.SetDeadline(time.Now()), "a deadline that comes later counts for writes that wait")
	require.ErrorIs(t, <-ended, os.ErrDeadlineExceeded)

	require.NoError(t, conn.SetDeadline(time.Time{}))
	go func() { _, _ = io.Copy(io.Discard, far) }()
	n, err = conn.Write(block)
	require.NoError(t, err)
	require.Equal(t, len(block), n)
	require.NoError(t, below.CloseWrite())
}

func (s *sparing) isWaiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting > 0
}

func TestAClosedConnectionSaysSo(t *testing.T) {
	t.Parallel()
	below, far := socket(t)
	conn := spare(below)
	require.NoError(t, far.Close())
	require.Eventually(t, func() bool { _, err := conn.Write([]byte("x")); return err != nil }, patience, time.Millisecond)
	require.NoError(t, conn.Close())
	_, err := conn.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
}

// What has no descriptor, a pipe in a test or a dialer's own, is used as it is.
func TestOtherConnectionsAreUsedAsTheyAre(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	require.Same(t, near, spare(near))
}
