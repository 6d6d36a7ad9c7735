package klp

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/internal/logtest"
)

func TestTheLogIsForThoseWhoMayReadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, connect := admitted(t, defaultLimits)
		s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) { return []string{"secret"}, nil })
		c := connect(somebody(1), nil).handshake()
		require.Equal(t, wire.KLPUnauthorized, c.kind(wire.KLPLogTailMethod, nil))
		admin := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
		result, err := admin.call(wire.KLPLogTailMethod, nil)
		require.NoError(t, err)
		require.JSONEq(t, `{"lines":["secret"],"truncated":false}`, string(result))
	})
}

// What goes wrong in a handler stays there.
func TestAHandlerThatPanics(t *testing.T) {
	t.Parallel()
	var lines logtest.Buffer
	s, connect := admitted(t, defaultLimits)
	s.cfg.Logger = slog.New(slog.NewTextHandler(&lines, nil))
	s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) { panic("lost it") })
	s.cfg.Now = func() time.Time { panic("no clock") }
	c := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
	require.Equal(t, wire.KLPInternalError, c.kind(wire.KLPPingMethod, nil))
	require.Equal(t, wire.KLPInternalError, c.kind(wire.KLPLogTailMethod, nil))
	require.Contains(t, lines.String(), "no clock")
	require.Contains(t, lines.String(), "lost it")
	s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) { return nil, errors.New("disk is broken") })
	_, err := c.call(wire.KLPLogTailMethod, nil)
	require.ErrorContains(t, err, "its log says why")
	require.NotContains(t, err.Error(), "disk", "what is not for clients is in the log")
	require.Contains(t, lines.String(), "disk is broken")
	_, err = c.call(wire.KLPStateSnapshotMethod, nil)
	require.NoError(t, err)
}

// While the log is read, other requests of the connection go on.
func TestASlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, connect := admitted(t, defaultLimits)
		read := make(chan struct{})
		s.cfg.Log = logFunc(func(uint32, int64) ([]string, error) {
			<-read
			return []string{"at last"}, nil
		})
		c := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
		c.send(`{"jsonrpc":"2.0","id":"log","method":"system.log_tail"}`)
		_, err := c.call(wire.KLPPingMethod, nil)
		require.NoError(t, err)
		require.Equal(t, wire.KLPRateLimit, c.kind(wire.KLPLogTailMethod, nil), "one at a time")
		close(read)
		require.JSONEq(t, `{"jsonrpc":"2.0","id":"log","result":{"lines":["at last"],"truncated":false}}`, c.next())
		_, err = c.call(wire.KLPLogTailMethod, nil)
		require.NoError(t, err)
	})
}

func TestALogThatDoesNotFitIntoAFrame(t *testing.T) {
	t.Parallel()
	s, connect := admitted(t, defaultLimits)
	s.cfg.Log = logFunc(func(lines uint32, limit int64) ([]string, error) {
		all := make([]string, lines)
		for i := range all {
			all[i] = fmt.Sprint(i) + strings.Repeat("\x01", int(limit)/int(lines)) // six bytes each in JSON
		}
		return all, nil
	})
	c := connect(peer{user: "root", account: "uid 0", trusted: true}, nil).handshake()
	result, err := c.call(wire.KLPLogTailMethod, wire.KLPLogTail{Lines: 1000}.Encode())
	require.NoError(t, err)
	got, err := wire.DecodeKLPLogLines(result)
	require.NoError(t, err)
	require.True(t, got.Truncated)
	require.InDelta(t, 1000/6, len(got.Lines), 3)
	require.True(t, strings.HasPrefix(got.Lines[len(got.Lines)-1], "999\x01"), "the newest one is last")
}
