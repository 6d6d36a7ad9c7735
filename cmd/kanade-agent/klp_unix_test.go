//go:build unix

package main

import (
	endian "encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The program lets others of its host find it, and leaves no socket behind.
func TestAProgramOfTheHostFindsTheAgent(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "klp") //nolint:usetesting // its names are too long
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "s")
	p := start(t, []string{"KANADE_KLP=/not/here"}, "--klp", socket, "--nats-url", "nats://127.0.0.1:1", "--id", "till-3", "--data-dir", filepath.Join(dir, "state"))
	var conn net.Conn
	require.Eventually(t, func() bool {
		conn, err = net.Dial("unix", socket)
		return err == nil
	}, patience, 10*time.Millisecond)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	const hello = `{"jsonrpc":"2.0","id":"a","method":"system.handshake","params":{"client":"test","client_version":"1","protocol":[1]}}`
	_, err = conn.Write(append(endian.LittleEndian.AppendUint32(nil, uint32(len(hello))), hello...))
	require.NoError(t, err)
	var header [4]byte
	_, err = io.ReadFull(conn, header[:])
	require.NoError(t, err)
	body := make([]byte, endian.LittleEndian.Uint32(header[:]))
	_, err = io.ReadFull(conn, body)
	require.NoError(t, err)
	require.Contains(t, string(body), `{"jsonrpc":"2.0","id":"a","result":{"agent_version":`)
	require.Contains(t, string(body), `"pc_id":"till-3"`)

	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.end(t))
	require.NoFileExists(t, socket)
}
