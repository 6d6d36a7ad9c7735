package agentcli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

func TestHostsOfRequests(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "localhost:9464": true, "127.0.0.1": true, "127.0.0.1:80": true, "127.9.9.9:1": true, "[::1]:9464": true, "[::1]": true, "::1": true,
		"": false, "evil.example": false, "evil.example:80": false, "127.0.0.1.nip.io": false, "localhost.evil.example": false, "localhost@evil.example": false,
		"10.0.0.1": false, "0.0.0.0": false, "[::]": false, "[fe80::1]:1": false, "[::1": true, "[evil.example]": false, "0x7f.1": false, "2130706433": false, "[]": false,
	} {
		require.Equal(t, want, namesLoopback(host), "%q", host)
	}
}

func TestAddressesThatAreNoLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:1", "[::]:1", ":1", "10.0.0.1:1", "example.org:1", "localhost.:1", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "[::ffff:10.0.0.1]:1", "localhost\n:1"} {
		require.Error(t, loopback(address), address)
	}
	for _, address := range []string{"", "127.0.0.1:0", "[::1]:9464", "localhost:9464", "127.0.0.53:1"} {
		require.NoError(t, loopback(address), address)
	}
}

// Requests that are no requests, or not from here, are answered with numbers by nobody.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	a := &statusAgent{runnerFunc: untilStopped}
	url, _ := servedAgent(t, a, "127.0.0.1:0")
	for request, want := range map[string]string{
		"GET /metrics HTTP/1.0\r\n\r\n":                                                                    " 403 ",
		"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n":                                              " 403 ",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n":                                   " 400 ",
		"GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n":                              " 403 ",
		"GET //metrics HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                " 307 ",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: x\r\n\r\n":    " 501 ",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                                 " 4",
		"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n":                                             " 400 ",
		"OPTIONS /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\nConnection: close\r\n\r\n": " 405 ",
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
		_, err = io.WriteString(c, request)
		require.NoError(t, err)
		line, err := bufio.NewReader(c).ReadString('\n')
		require.NoError(t, err, "%q", request)
		require.Contains(t, line, want, "%q", request)
		require.NoError(t, c.Close())
	}
}

// What is served says what it is, and is nothing for a page in a browser.
func TestTypesOfAnswers(t *testing.T) {
	t.Parallel()
	a := &statusAgent{runnerFunc: untilStopped}
	a.set(agent.Status{ID: "<script>alert(1)</script>", Running: true})
	url, _ := servedAgent(t, a, "127.0.0.1:0")
	for path, want := range map[string]string{
		"/metrics": "text/plain; version=0.0.4; charset=utf-8", "/healthz": "text/plain; charset=utf-8", "/readyz": "text/plain; charset=utf-8",
	} {
		resp, err := http.Get(url + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.Header.Get("Content-Type"), path)
		require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-store", resp.Header.Get("Cache-Control"), path)
		require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"), path)
	}
}

// Whoever sends a header for ever is cut off, and ends nothing but his own connection.
func TestSlowRequestsAreCutOff(t *testing.T) {
	t.Parallel()
	a := &statusAgent{runnerFunc: untilStopped}
	url, stop := servedAgent(t, a, "127.0.0.1:0")
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer c.Close()
	_, err = fmt.Fprint(c, "GET /metrics HTTP/1.1\r\n")
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.Copy(io.Discard, c)
	require.NoError(t, err, "it is cut off before the deadline of this test")
	code, _ := get(t, url+"/metrics")
	require.Equal(t, http.StatusOK, code)
	stop()
}

// Nothing of the server outlives the agent, whatever its clients do.
func TestTheServerEndsAsAWhole(t *testing.T) {
	a := &statusAgent{runnerFunc: untilStopped}
	url, stop := servedAgent(t, a, "127.0.0.1:0")
	for _, text := range []string{"", "GET /metrics HT", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, text)
		require.NoError(t, err)
	}
	code, _ := get(t, url+"/healthz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	stop()
	require.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "agentcli.(*metricsServer)")
	}, time.Minute, 10*time.Millisecond)
}

// An agent whose address is taken runs, and ends, as without metrics.
func TestATakenAddressStopsNothing(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	r := &running{logs: silentLogs()}
	r.logs.all = slog.New(slog.DiscardHandler)
	began := make(chan struct{})
	a := &statusAgent{runnerFunc: func(ctx context.Context) error { close(began); return untilStopped(ctx) }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.servingMetrics(other.Addr().String(), a).Run(ctx) }()
	<-began
	cancel()
	require.NoError(t, <-ended)
}
