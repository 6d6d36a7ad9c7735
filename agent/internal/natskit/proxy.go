package natskit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// NoProxy as [Options].Proxy connects directly, whatever the environment says.
const NoProxy = "none"

// proxyFunc says which proxy to use for a server; nil: none. web is not nil if
// the server speaks WebSocket.
type proxyFunc func(web *url.URL, address string) (*url.URL, error)

// maxAnswer bounds what a proxy may say before the tunnel stands.
const maxAnswer = 64 << 10

func chooseProxy(configured string, env proxyFunc) (proxyFunc, error) {
	switch {
	case configured == NoProxy:
		return func(*url.URL, string) (*url.URL, error) { return nil, nil }, nil
	case configured == "" && env != nil:
		return env, nil
	case configured == "":
		return environmentProxy, nil
	}
	proxy, err := ParseProxy(configured)
	return func(*url.URL, string) (*url.URL, error) { return proxy, nil }, err
}

// ParseProxy checks the URL of a proxy. Its errors do not echo it.
func ParseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("proxy URL cannot be parsed; expected http://host:port")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("proxy URL: unknown scheme %q; use http or https", u.Scheme)
	}
	return u, nil
}

// environmentProxy reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY as programs do
// that fetch web pages; so do those who set them. Plain NATS is not meant.
func environmentProxy(web *url.URL, address string) (*url.URL, error) {
	if web == nil {
		return nil, nil
	}
	scheme := "http"
	if web.Scheme == "wss" {
		scheme = "https"
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: address}})
	if err != nil || proxy != nil && strings.HasSuffix(proxy.Host, ":") { // what net/http makes of a bad port
		return nil, errors.New("the proxy in the environment (HTTPS_PROXY or HTTP_PROXY) cannot be parsed") // the value may hold a password
	}
	if proxy != nil && proxy.Scheme != "http" && proxy.Scheme != "https" {
		return nil, fmt.Errorf("the proxy in the environment is of the kind %q; use http or https", proxy.Scheme)
	}
	return proxy, nil
}

// tunnel connects to address through an HTTP proxy. The proxy looks up the name.
func tunnel(ctx context.Context, proxy *url.URL, address string) (net.Conn, error) {
	conn, err := dialProxy(ctx, proxy)
	if err != nil {
		return nil, err
	}
	broken := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	through, err := ask(conn, proxy.User, address)
	if !broken() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close() // the reason is in err
		return nil, err
	}
	return through, nil
}

func dialProxy(ctx context.Context, proxy *url.URL) (net.Conn, error) {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	conn, err := dialHost(ctx, net.JoinHostPort(proxy.Hostname(), port))
	if err != nil || proxy.Scheme == "http" {
		return conn, err
	}
	secure := tls.Client(conn, &tls.Config{ServerName: proxy.Hostname(), MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the reason is in err
		return nil, err
	}
	return secure, nil
}

// ask sends CONNECT and reads the answer. A broker that speaks first may have
// done so already: what came with the answer stays readable.
func ask(conn net.Conn, user *url.Userinfo, address string) (net.Conn, error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if user != nil {
		password, _ := user.Password()
		pair := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+pair)
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	answer := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	resp, err := http.ReadResponse(answer, req) // no body: what follows is the tunnel's
	if err != nil {
		return nil, fmt.Errorf("read its answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it refused to connect to %s: %d %s", address, resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	early, err := answer.Peek(answer.Buffered())
	return &continued{Conn: conn, early: bytes.NewReader(early)}, err
}

// continued is a connection of which something was read already.
type continued struct {
	net.Conn
	early *bytes.Reader
}

func (c *continued) Read(p []byte) (int, error) {
	if c.early.Len() > 0 {
		return c.early.Read(p)
	}
	return c.Conn.Read(p)
}
