package agent_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/agenttest"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// localClient is a program on the agent's host.
type localClient struct {
	t    *testing.T
	conn interface {
		io.ReadWriteCloser
		SetDeadline(time.Time) error
	}
}

// connectLocally waits until the agent can be reached, and introduces itself.
func connectLocally(t *testing.T, path string) localClient {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		conn, err := dialKLP(path)
		if err == nil {
			require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
			c := localClient{t: t, conn: conn}
			t.Cleanup(func() { _ = conn.Close() })
			c.ask(wire.KLPHandshakeMethod, wire.KLPHandshake{Client: "test", ClientVersion: "1", Protocol: []uint32{1}}.Encode())
			return c
		}
		require.Less(t, time.Now(), until, "%v", err)
	}
}

func (c localClient) ask(method string, params []byte) []byte {
	c.t.Helper()
	body := wire.KLPMessage{ID: wire.KLPStringID(method), Method: method, Params: params}.Encode()
	_, err := c.conn.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...))
	require.NoError(c.t, err)
	m := c.next()
	require.Nil(c.t, m.Error)
	return m.Result
}

func (c localClient) next() wire.KLPMessage {
	c.t.Helper()
	var header [4]byte
	_, err := io.ReadFull(c.conn, header[:])
	require.NoError(c.t, err)
	body := make([]byte, binary.LittleEndian.Uint32(header[:]))
	_, err = io.ReadFull(c.conn, body)
	require.NoError(c.t, err)
	m, err := wire.DecodeKLPMessage(body)
	require.NoError(c.t, err)
	return m
}

func (c localClient) state() wire.KLPState {
	c.t.Helper()
	s, err := wire.DecodeKLPState(c.ask(wire.KLPStateSnapshotMethod, nil))
	require.NoError(c.t, err)
	return s
}

// What a local client is told is how the agent is.
func TestALocalClientSeesTheAgent(t *testing.T) {
	t.Parallel()
	path := tempKLP(t)
	h := agenttest.Start(t, agent.WithKLP(agent.KLP{Path: path}))
	c := connectLocally(t, path)
	s := c.state()
	require.Equal(t, agenttest.PCID, s.PCID)
	require.True(t, s.Online)
	require.Len(t, s.Checks, 5)
	require.NotEqual(t, wire.KLPUnknown, s.Checks[1].Status, "the disk is known: %s", s.Checks[1].Detail)

	c.ask(wire.KLPStateSubscribeMethod, nil)
	h.Fake.Disconnect()
	awaitState(c, false)
	h.Fake.Reconnect()
	awaitState(c, true)
}

// awaitState waits for a push; one that only the free space of the disk caused
// may come before it.
func awaitState(c localClient, online bool) {
	c.t.Helper()
	for {
		m := c.next()
		require.Equal(c.t, wire.KLPStateChangedMethod, m.Method)
		changed, err := wire.DecodeKLPStateChanged(m.Params)
		require.NoError(c.t, err)
		if changed.Snapshot.Online == online {
			return
		}
	}
}

func TestALocalClientReadsTheLogAndTheTarget(t *testing.T) {
	t.Parallel()
	fake, path := jstest.NewFake(), tempKLP(t)
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir, cfg.Version = "PC-1", t.TempDir(), "1.0.0"
	cfg.LogFile = filepath.Join(t.TempDir(), "agent.log")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(cfg.LogFile), "agent.2026-05-24.log"), []byte("one\ntwo\nthree\n"), 0o600))
	a, err := agent.New(cfg, agent.WithTransport(fake.Conn(), fake.JetStream()), agent.WithKLP(agent.KLP{Path: path}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	c := connectLocally(t, path)
	lines, err := wire.DecodeKLPLogLines(c.ask(wire.KLPLogTailMethod, wire.KLPLogTail{Lines: 2}.Encode()))
	require.NoError(t, err)
	require.Equal(t, wire.KLPLogLines{Lines: []string{"two", "three"}}, lines)
	versions, err := wire.DecodeKLPVersions(c.ask(wire.KLPVersionMethod, nil))
	require.NoError(t, err)
	require.Equal(t, wire.KLPVersions{AgentVersion: "1.0.0", TargetAgentVersion: "1.0.0"}, versions)
}

func TestNobodyIsServedUnasked(t *testing.T) {
	t.Parallel()
	fake := jstest.NewFake()
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir = "PC-1", t.TempDir()
	a, err := agent.New(cfg, agent.WithTransport(fake.Conn(), fake.JetStream()))
	require.NoError(t, err)
	require.False(t, agent.ServesKLP(a))
}

func TestPlacesForLocalClientsThatAreNone(t *testing.T) {
	t.Parallel()
	cfg := agent.DefaultConfig()
	cfg.ID, cfg.StateDir = "PC-1", t.TempDir()
	fake := jstest.NewFake()
	for _, k := range []agent.KLP{{Path: "relative"}, {Path: tempKLP(t), Mode: os.ModeSetuid | 0o600}} {
		_, err := agent.New(cfg, agent.WithTransport(fake.Conn(), fake.JetStream()), agent.WithKLP(k))
		require.ErrorIs(t, err, agent.ErrConfig, fmt.Sprint(k))
	}
}
