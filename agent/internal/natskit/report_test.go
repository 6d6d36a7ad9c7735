package natskit

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

func textLog(into *logtest.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(into, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A denied subject is named once, however often it is used, over a restart too.
func TestAMissingPermissionIsToldOnceForEachSubject(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(
		`authorization { users: [{user: agent, password: p, permissions: {publish: "allowed.>", subscribe: ["allowed.>", "_INBOX.>"]}}] }`))
	var log logtest.Buffer
	nc := dial(t, Options{Servers: []string{broker.URL()}, Credentials: Login{User: "agent", Password: "p"}, Logger: textLog(&log)})
	requireConnected(t, nc)
	_, err := nc.SubscribeSync("denied.sub")
	require.NoError(t, err)
	for round := range 2 {
		for n := range 5 {
			require.NoError(t, nc.Publish("denied.pub", nil))
			require.NoError(t, nc.Publish(nats.NewInbox(), nil))
			require.NoError(t, nc.Publish(fmt.Sprintf("$JS.ACK.EXEC.reader.1.%d", n), nil))
		}
		require.NoError(t, nc.FlushTimeout(patience))
		if round == 0 {
			broker.Stop()
			requireLost(t, nc) // or what comes next may go to the broker that has ended
			broker.Start()
			requireConnected(t, nc)
		}
	}
	told := func() int { return log.Count("does not allow") }
	require.Eventually(t, func() bool { return told() >= 4 }, patience, time.Millisecond)
	for _, subject := range []string{"denied.sub", "denied.pub", "_INBOX.>", "$JS.ACK.>"} {
		require.Equal(t, 1, log.Count("subject="+subject), log.String())
	}
	require.Equal(t, 4, told())
}

func TestTheLastFailureIsKnownUntilTheConnect(t *testing.T) {
	t.Parallel()
	broker := jstest.NewBroker(t, jstest.WithConfig(`authorization { token: "right" }`))
	file := filepath.Join(t.TempDir(), "token")
	put(t, file, "wrong")
	nc := dial(t, Options{Servers: []string{broker.URL()}, Credentials: Login{TokenFile: file}})
	says := func(text string) func() bool {
		return func() bool {
			err := nc.LastFailure()
			return err != nil && strings.Contains(strings.ToLower(err.Error()), text)
		}
	}
	require.Eventually(t, says("dial tcp"), patience, time.Millisecond)
	broker.Start()
	require.Eventually(t, says("authorization violation"), patience, time.Millisecond)
	put(t, file, "right")
	require.Eventually(t, func() bool { return nc.IsConnected() && nc.LastFailure() == nil }, patience, time.Millisecond)
}

func TestDeniedSubjectsAreBounded(t *testing.T) {
	t.Parallel()
	var log logtest.Buffer
	r := newReport(textLog(&log))
	for i := range 2 * maxDenied {
		r.deny(fmt.Errorf("%w: Permissions Violation for Publish to \"a.%d\"", nats.ErrPermissionViolation, i))
	}
	require.Equal(t, maxDenied, log.Count("does not allow"))
	require.LessOrEqual(t, len(r.denied), maxDenied)
}

func TestEachReasonIsToldOnceARow(t *testing.T) {
	t.Parallel()
	var log logtest.Buffer
	r := newReport(slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 {
		for i := range 100 {
			r.failed(nil, fmt.Errorf("reason %d", i%2))
		}
		r.connected()
	}
	require.Equal(t, 4, log.Count("reason"))
	for i := range 1000 {
		r.failed(nil, fmt.Errorf("another %d", i))
	}
	require.Equal(t, maxReasons, log.Count("another"))
}

func TestServerNameKeepsNoSecret(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"nats://s3cret@host:4222":       "nats://host:4222",
		"tls://user:s3cret@host:4222":   "tls://host:4222",
		"wss://host/path?token=s3cret":  "wss://host",
		"nats://user:s3cret@host:%zz":   "",
		"nats://host:4222":              "nats://host:4222",
		"user:s3cret@host":              "",
		"nats://user:s3cret%zz@host:42": "",
	} {
		require.Equal(t, want, ServerName(given), given)
	}
}

// Every way in that a secret has, through every way out: accepted and refused,
// lost and found, at all levels, and in the errors.
func TestSecretsAreInNoLogAndNoError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	put(t, file, "file-s3cret")
	config := map[string]string{
		"open": "", "token": `authorization { token: "url-s3cret" }`,
		"user": `authorization { users: [{user: agent, password: "url-s3cret"}] }`,
	}
	var log logtest.Buffer
	for name, accepts := range config {
		broker := jstest.StartBroker(t, jstest.WithConfig(accepts))
		with := func(user string) []string {
			return []string{strings.Replace(broker.URL(), "nats://", "nats://"+user, 1)}
		}
		for _, o := range []Options{
			{Servers: with("agent:url-s3cret@")},
			{Servers: with("url-s3cret@")},
			{Servers: with(""), Credentials: Login{Token: "value-s3cret"}},
			{Servers: with(""), Credentials: Login{TokenFile: file}},
			{Servers: with(""), Credentials: Login{User: "agent", Password: "value-s3cret"}},
			{Servers: with(""), Credentials: Login{NKeyFile: file}},
			{Servers: with(""), Credentials: Login{CredsFile: file}},
			{Servers: with(""), Proxy: "http://agent:proxy-s3cret@127.0.0.1:1"},
			{Servers: with(""), TLS: TLSFiles{CA: file}},
			{Servers: with(""), TLS: TLSFiles{Cert: file, Key: file}},
		} {
			o.Logger = textLog(&log).With("case", name)
			nc := dial(t, o)
			require.Eventually(t, func() bool { return nc.IsConnected() || nc.dialer.pace.attempts() > 2 }, patience, time.Millisecond)
		}
		broker.Restart()
	}
	require.Contains(t, log.String(), "msg=connected")
	require.Contains(t, log.String(), "Authorization Violation")
	require.NotContains(t, log.String(), "s3cret")

	for _, o := range []Options{
		{Servers: []string{"nats://agent:s3cret@host:port"}},
		{Servers: []string{"nats://host"}, Proxy: "http://agent:s3cret@proxy:port"},
	} {
		_, err := Dial(o)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestAnOpenSecretFileIsWarnedOfOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("t"), 0o600))
	var log logtest.Buffer
	s := &secretFiles{log: textLog(&log)}
	s.check(file, "", filepath.Join(t.TempDir(), "missing"))
	require.Empty(t, log.String())
	openToAll(t, file)
	for range 3 {
		s.check(file)
	}
	require.Equal(t, 1, log.Count("open to others"))
	require.Contains(t, log.String(), file)
}

func TestFilesOfALoginAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token, key := filepath.Join(dir, "token"), filepath.Join(dir, "key")
	for _, file := range []string{token, key} {
		put(t, file, "x")
		openToAll(t, file)
	}
	var log logtest.Buffer
	dial(t, Options{Servers: []string{"nats://127.0.0.1:1"}, Credentials: Login{TokenFile: token}, Logger: textLog(&log)})
	dial(t, Options{Servers: []string{"nats://127.0.0.1:1"}, TLS: TLSFiles{Cert: token, Key: key}, Logger: textLog(&log)})
	require.Eventually(t, func() bool {
		return strings.Contains(log.String(), "file="+token) && strings.Contains(log.String(), "file="+key)
	}, patience, time.Millisecond)
	require.Equal(t, 2, log.Count("open to others"))
}

// scripted is a peer that says in and hears everything.
type scripted struct {
	net.Conn
	in interface{ Read([]byte) (int, error) }
}

func (s *scripted) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *scripted) Write(p []byte) (int, error) { return len(p), nil }

// The port that we dial from is another one each time, and no reason.
func TestAFrozenServerIsOneReason(t *testing.T) {
	t.Parallel()
	var log logtest.Buffer
	r := newReport(slog.New(slog.NewTextHandler(&log, nil)))
	for port := range 50 {
		r.failed(nil, fmt.Errorf("read greeting: %w", &net.OpError{
			Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000 + port},
			Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4222}, Err: os.ErrDeadlineExceeded,
		}))
	}
	require.Equal(t, 1, log.Count("level=WARN"))
	for port := range 50 { // a name server is asked from another port, too, and the error has it as text
		r.failed(nil, &net.DNSError{
			Name: "broker.example.org", Server: "127.0.0.53:53", IsTimeout: true,
			Err: fmt.Sprintf("read udp 127.0.0.1:%d->127.0.0.53:53: i/o timeout", 40000+port),
		})
	}
	for port := range 50 { // and a host has several addresses
		dial := func(to string) error {
			return fmt.Errorf("dial tcp [fe80::1%%eth0]:%d->%s: connect: connection refused", 40000+port, to)
		}
		r.failed(nil, errors.Join(dial("[2001:db8::1]:4222"), dial("[2001:db8::2]:4222")))
	}
	require.Equal(t, 3, log.Count("level=WARN"), log.String())
}
