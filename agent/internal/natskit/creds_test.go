package natskit

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// badCreds are what a .creds file may hold while it is written, or by mistake.
func badCreds(t *testing.T) map[string]string {
	good := newOperator(t).userCreds(t)
	jwtEnd := strings.Index(good, "------END NATS USER JWT")
	seedBegin := strings.Index(good, "-----BEGIN USER NKEY SEED")
	user := seed(t, newKey(t, nkeys.PrefixByteUser))
	return map[string]string{
		"empty": "", "blank": "\n \r\n", "garbage": "\x00\xff\x01garbage", "web page": "<html>no such secret</html>\n",
		"cut in the JWT": good[:jwtEnd/2], "cut behind the JWT": good[:seedBegin], "cut in the seed": good[:seedBegin+40],
		"seed alone": user + "\n", "seed alone, decorated": good[seedBegin:],
		"two seeds":    strings.ReplaceAll(good, good[:seedBegin], good[seedBegin:]),
		"account seed": strings.Replace(good, good[seedBegin:], seed(t, newKey(t, nkeys.PrefixByteAccount))+"\n", 1),
		"too large":    good + strings.Repeat("\n", maxSecretBytes),
	}
}

// A broker that lets anybody in must not hide that the file is wrong: who it lets in
// as nobody sees another account, where nothing is revoked.
func TestAWrongCredsFileIsNoLoginAsNobody(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream(), jstest.WithConfig(
		`accounts { A { users: [{user: nobody, password: p}] } }, no_auth_user: nobody`))
	for name, text := range badCreds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "agent.creds")
			put(t, file, text)
			nc := dial(t, Options{Servers: []string{broker.URL()}, Credentials: Login{CredsFile: file}})
			require.Eventually(t, func() bool { return nc.LastFailure() != nil || nc.IsConnected() }, patience, time.Millisecond)
			require.ErrorContains(t, nc.LastFailure(), "creds file: "+file)
			require.False(t, nc.IsConnected())
		})
	}
}

// What is in a wrong file stays on the host: a seed, most of all.
func TestAWrongCredsFileIsNotSent(t *testing.T) {
	t.Parallel()
	user := seed(t, newKey(t, nkeys.PrefixByteUser))
	file := filepath.Join(t.TempDir(), "agent.creds")
	put(t, file, user)
	heard := make(chan []byte, 64)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(`INFO {"server_id":"x","version":"2.15.2","headers":true,"nonce":"abc","max_payload":1024}` + "\r\n"))
			text := make([]byte, 4096)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			n, _ := conn.Read(text)
			heard <- text[:n]
			_ = conn.Close()
		}
	}()
	source := sourceFunc(Login{CredsFile: file}.Options)
	nc := dial(t, Options{Servers: []string{"nats://" + l.Addr().String()}, Credentials: source})
	require.Eventually(t, func() bool { return nc.LastFailure() != nil }, patience, time.Millisecond)
	nc.Close()
	for len(heard) > 0 {
		require.False(t, bytes.Contains(<-heard, []byte(user)), "the seed was sent")
	}
}

// A file that is replaced by a wrong one does not end a connection, nor the attempts
// after it was lost; and the right one counts at the next.
func TestACredsFileThatIsWrongForAWhile(t *testing.T) {
	t.Parallel()
	op := newOperator(t)
	broker := jstest.StartBroker(t, jstest.WithoutJetStream(), jstest.WithConfig(op.config))
	file := filepath.Join(t.TempDir(), "agent.creds")
	put(t, file, op.userCreds(t))
	nc := dial(t, Options{Servers: []string{broker.URL()}, Credentials: Login{CredsFile: file}})
	requireConnected(t, nc)
	bad := badCreds(t)
	for _, what := range []string{"empty", "cut in the JWT"} {
		put(t, file, bad[what])
		broker.Restart()
		require.Eventually(t, func() bool {
			err := nc.LastFailure()
			return err != nil && strings.Contains(err.Error(), "creds file: "+file)
		}, patience, time.Millisecond)
		put(t, file, op.userCreds(t))
		requireConnected(t, nc)
	}
}
