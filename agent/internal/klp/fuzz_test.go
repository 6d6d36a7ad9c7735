package klp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// recorded is a connection on which all has been said already.
type recorded struct {
	io.Reader
	said bytes.Buffer
}

func (r *recorded) Write(b []byte) (int, error)      { return r.said.Write(b) }
func (r *recorded) Close() error                     { return nil }
func (r *recorded) SetReadDeadline(time.Time) error  { return nil }
func (r *recorded) SetWriteDeadline(time.Time) error { return nil }
func (r *recorded) Peer() (peer, error)              { return peer{user: "a", account: "a", trusted: true}, nil }

func (r *recorded) frame() (body []byte, more bool) {
	header := r.said.Next(headerSize)
	if len(header) == 0 {
		return nil, false
	}
	return r.said.Next(int(binary.LittleEndian.Uint32(header))), true
}

// Whatever a client says, what it hears is whole frames of JSON, one for each
// request at the most.
func FuzzConnection(f *testing.F) {
	for _, frames := range [][]string{
		{hello, subscribed, unsubscribed},
		{``, `x`, `[]`, hello, hello},
		{hello, `{"jsonrpc":"2.0","id":"l","method":"system.log_tail","params":{"lines":3}}`},
		{hello, `{"jsonrpc":"2.0","id":1,"method":"state.snapshot"}`, `{"jsonrpc":"2.0","method":"system.ping"}`},
	} {
		var all []byte
		for _, body := range frames {
			all = append(all, mustFrame(body)...)
		}
		f.Add(all)
		f.Add(all[:len(all)-3])
	}
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, said []byte) {
		l := defaultLimits
		l.burst, l.pause = 20, 0
		s := New(Config{PCID: "a", Version: "1", Host: newHost(), Log: logFunc(noLog), limits: l})
		s.evaluate()
		c := &recorded{Reader: bytes.NewReader(said)}
		s.slot(t.Context())
		s.admit(t.Context(), c)
		s.sessions.Wait()
		answers := 0
		for body, more := c.frame(); more; body, more = c.frame() {
			require.True(t, json.Valid(body), "%q", body)
			m, err := wire.DecodeKLPMessage(body)
			require.NoError(t, err)
			require.Empty(t, m.Method, "nothing has changed")
			answers++
		}
		require.LessOrEqual(t, answers, len(said)/headerSize)
	})
}
