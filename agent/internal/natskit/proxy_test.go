package natskit

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// proxyFolder holds the proxy that the tests built; TestMain removes it.
var proxyFolder string

// buildProxy builds the proxy once for all tests.
var buildProxy = sync.OnceValues(func() (path string, err error) {
	if proxyFolder, err = os.MkdirTemp("", "connectproxy"); err != nil {
		return "", err
	}
	path = filepath.Join(proxyFolder, "connectproxy")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", path, "./testdata/connectproxy").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// proxyProcess is a running proxy; its output tells what it was asked for.
type proxyProcess struct {
	address string
	output  logtest.Buffer
}

func startProxy(t *testing.T, args ...string) *proxyProcess {
	t.Helper()
	path, err := buildProxy()
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &proxyProcess{}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	p.address = strings.TrimSpace(strings.TrimPrefix(first, "listening "))
	var copied sync.WaitGroup
	copied.Go(func() { _, _ = lines.WriteTo(&p.output) })
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		copied.Wait()
		_ = cmd.Wait()
	})
	return p
}

func (p *proxyProcess) requireAsked(t *testing.T, line string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.output.String(), line+"\n") }, patience, time.Millisecond, "%v", &p.output)
}

// webBroker listens for WebSockets over TLS as well, on the port it returns.
func webBroker(t *testing.T, ca *authority) (*jstest.Broker, string) {
	t.Helper()
	server := filepath.Join(t.TempDir(), "server")
	ca.issue(t, server)
	port := jstest.FreePort(t)
	broker := jstest.StartBroker(t, jstest.WithConfig(fmt.Sprintf(
		"websocket { host: \"127.0.0.1\", port: %d, tls { cert_file: %q, key_file: %q } }",
		port, filepath.ToSlash(server+".pem"), filepath.ToSlash(server+".key"))))
	return broker, fmt.Sprintf("127.0.0.1:%d", port)
}

// host and port of a broker's URL.
func hostPort(u string) string { return strings.TrimPrefix(u, "nats://") }

func TestWebSocketOverTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	broker, web := webBroker(t, ca)
	nc := dial(t, Options{Servers: []string{"wss://" + web}, TLS: TLSFiles{CA: ca.file}, Proxy: NoProxy})
	requireConnected(t, nc)
	broker.Restart()
	requireConnected(t, nc)

	var log logtest.Buffer
	dial(t, Options{Servers: []string{"wss://" + web}, Proxy: NoProxy, Logger: textLog(&log)})
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "certificate") }, patience, time.Millisecond,
		"the system does not know this authority")
}

// The broker's name exists at the proxy only, so nothing but the proxy can have
// found it.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir())
	broker, web := webBroker(t, ca)
	names := "broker.example:443=" + web + ",broker.example:4222=" + hostPort(broker.URL())
	for name, c := range map[string]struct {
		server string
		early  string
	}{
		"wss":                        {"wss://broker.example:443", "-early=false"},
		"nats":                       {"nats://broker.example:4222", "-early=false"},
		"nats, with the first bytes": {"nats://broker.example:4222", "-early=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := startProxy(t, "-user", "agent:pr0xy-s3cret", "-names", names, c.early)
			o := Options{Servers: []string{c.server}, Proxy: "http://agent:pr0xy-s3cret@" + proxy.address}
			if strings.HasPrefix(c.server, "wss") {
				o.TLS.CA = ca.file
			}
			nc := dial(t, o)
			requireConnected(t, nc)
			proxy.requireAsked(t, "CONNECT "+strings.SplitN(c.server, "//", 2)[1]+" 200")
			require.NoError(t, nc.FlushTimeout(patience))
			require.NoError(t, nc.ForceReconnect())
			require.Eventually(t, func() bool { return nc.Stats().Reconnects > 1 }, patience, time.Millisecond)
			requireConnected(t, nc)
		})
	}
}

func TestAProxyThatSpeaksTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, t.TempDir()), filepath.Join(t.TempDir(), "proxy")
	ca.issue(t, other)
	broker := jstest.StartBroker(t)
	proxy := startProxy(t, "-tls", other, "-names", "broker.example:4222="+hostPort(broker.URL()))
	var log logtest.Buffer
	dial(t, Options{
		Servers: []string{"nats://broker.example:4222"}, Proxy: "https://" + proxy.address,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "certificate") }, patience, time.Millisecond,
		"checked against the system's authorities, which do not know this one")
}

func TestAProxyThatRefusesIsNamedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	proxy := startProxy(t, "-user", "agent:right")
	for name, c := range map[string]struct{ user, says string }{
		"wrong password": {"agent:wr0ng-s3cret@", "407 Proxy Authentication Required"},
		"no password":    {"", "407 Proxy Authentication Required"},
		"no such server": {"agent:right@", "403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			var log logtest.Buffer
			dial(t, Options{
				Servers: []string{"nats://broker.example:4222"}, Proxy: "http://" + c.user + proxy.address,
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			require.Eventually(t, func() bool { return strings.Contains(log.String(), c.says) }, patience, time.Millisecond)
			require.Contains(t, log.String(), proxy.address)
			require.NotContains(t, log.String(), "s3cret")
		})
	}
}

// A proxy may take the connection and say nothing, before it has answered or after.
func TestASilentProxyIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ server, proxy, answer, says string }{
		"no answer":             {"nats://broker.example:4222", "http", "", "proxy 127.0.0.1"},
		"no TLS handshake":      {"nats://broker.example:4222", "https", "", "proxy 127.0.0.1"},
		"half an answer":        {"nats://broker.example:4222", "http", "HTTP/1.1 200", "proxy 127.0.0.1"},
		"nothing in the tunnel": {"nats://broker.example:4222", "http", "HTTP/1.1 200 OK\r\n\r\n", "timeout"},
		"no TLS in the tunnel":  {"wss://broker.example:443", "http", "HTTP/1.1 200 OK\r\n\r\n", "timeout"},
		"an answer without end": {"nats://broker.example:4222", "http", "HTTP/1.1 200 OK\r\nA: b\r\n", "proxy 127.0.0.1"},
		"half a greeting":       {"nats://broker.example:4222", "http", "HTTP/1.1 200 OK\r\n\r\nINFO {", "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silent, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer silent.Close()
			nc := dial(t, Options{Servers: []string{c.server}, Proxy: c.proxy + "://" + silent.Addr().String()})
			for range 2 {
				conn, err := silent.Accept()
				require.NoError(t, err)
				defer conn.Close()
				_, err = conn.Write([]byte(c.answer))
				require.NoError(t, err)
			}
			require.Eventually(t, func() bool { // it is told on another goroutine than the next attempt begins
				err := nc.LastFailure()
				return err != nil && strings.Contains(err.Error(), c.says)
			}, patience, time.Millisecond)
			nc.Close() // breaks the attempt off
			require.True(t, nc.IsClosed())
		})
	}
}

func TestParseProxy(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"proxy:3128", "http://", "socks5://u:s3cret@proxy:1080", "http://u:s3cret@proxy:port", ":"} {
		_, err := ParseProxy(bad)
		require.ErrorContains(t, err, "proxy URL", bad)
		require.NotContains(t, err.Error(), "s3cret")
		_, err = Dial(Options{Servers: []string{"nats://h"}, Proxy: bad})
		require.Error(t, err)
	}
	_, err := ParseProxy("http://u:p@proxy:3128")
	require.NoError(t, err)
}

// The environment is for those who fetch web pages: plain NATS is left alone.
func TestTheEnvironmentIsForWebSocketsOnly(t *testing.T) {
	t.Parallel()
	proxy, err := environmentProxy(nil, "broker.example:4222")
	require.NoError(t, err)
	require.Nil(t, proxy)

	asked := make(chan *url.URL, 10)
	env := func(web *url.URL, _ string) (*url.URL, error) { asked <- web; return nil, nil }
	broker := jstest.StartBroker(t)
	requireConnected(t, dial(t, Options{Servers: []string{broker.URL()}, env: env}))
	require.Nil(t, <-asked)
	dial(t, Options{Servers: []string{"ws://127.0.0.1:1"}, env: env})
	require.Equal(t, "ws", (<-asked).Scheme)
}

func FuzzProxyAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\nINFO {}\r\n"))
	f.Add([]byte("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 9999999999\r\n\r\n"))
	f.Add(bytes.Repeat([]byte("x"), 2*maxAnswer))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		conn := &scripted{in: bytes.NewReader(answer)}
		through, err := ask(conn, url.UserPassword("u", "p"), "broker.example:4222")
		require.Equal(t, err == nil, through != nil)
	})
}
