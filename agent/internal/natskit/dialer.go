package natskit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// dialer makes every TCP connection of a nats.Conn. That makes it the place
// where credentials are asked for: nats.go has callbacks for some kinds only
// (not for the public key of an NKey), and of those that it has most cannot fail.
type dialer struct {
	source  Source
	tls     TLSFiles
	proxy   proxyFunc
	webURL  *url.URL // of a ws:// or wss:// server; nil: none
	secure  bool     // some server's URL asks for TLS
	warn    *secretFiles
	pace    pace
	report  *report
	conn    atomic.Pointer[nats.Conn]
	refused atomic.Bool // the last attempt as a user was; the token is next
	both    atomic.Bool // there are a user and a token
	made    atomic.Bool // a connection, since nats.go asked for a delay last
	last    handshake
	crowd   crowding

	mu      sync.Mutex
	cancel  context.CancelFunc // of the attempt under way
	shaking net.Conn           // dialled, and not yet known to be accepted
	closed  bool
}

var (
	// errNotYet fails the attempts inside nats.go's Connect, which would keep its
	// caller waiting; the next one, in the background, follows at once.
	errNotYet  = errors.New("not connected yet")
	errClosing = errors.New("the connection is being closed")
	// errUntold stands for the failure of a login at one of several servers, when the
	// one after it could not be reached: nats.go has forgotten the reason by then.
	errUntold = errors.New("a server did not take the login, and the next one could not be reached; the server's log has the reason, most often a wrong user, password or token")
)

func newDialer(o Options) (*dialer, error) {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	servers, err := parseServers(o.Servers)
	if err != nil {
		return nil, err
	}
	d := &dialer{source: o.Credentials, tls: o.TLS, warn: &secretFiles{log: log}, report: newReport(log)}
	d.crowd.min = cmp.Or(o.crowded, crowdedMin)
	if d.proxy, err = chooseProxy(o.Proxy, o.env); err != nil {
		return nil, err
	}
	for _, u := range servers {
		d.secure = d.secure || u.Scheme == "tls" || u.Scheme == "wss"
		if u.Scheme == "ws" || u.Scheme == "wss" {
			d.webURL = u
		}
	}
	return d, nil
}

// Dial is called by nats.go for each attempt. It holds the connection's lock,
// and only for that reason may the connection's options be changed here.
func (d *dialer) Dial(_, address string) (net.Conn, error) {
	nc := d.conn.Load()
	if nc == nil {
		return nil, errNotYet
	}
	if err := d.breathe(); err != nil {
		return nil, err
	}
	ctx, done, err := d.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := d.identify(ctx, &nc.Opts); err != nil {
		return nil, err
	}
	conn, err := d.connect(ctx, address)
	if err != nil {
		return nil, err
	}
	// nats.go sets none for a WebSocket's TLS handshake: without it a server that
	// accepts and says nothing would hold the connection's lock for ever.
	_ = conn.SetDeadline(time.Now().Add(dialTimeout))
	d.last.begin()
	d.shake(conn)
	return handshaking{spare(conn), d}, nil
}

// breathe pauses where nats.go does not: of several servers it tries the next one at
// once. With a node of a cluster everybody would come to the others in the same
// moment, and servers that cut every connection would have no rest.
func (d *dialer) breathe() error {
	if !d.made.Swap(false) {
		return nil
	}
	ctx, done, err := d.begin()
	if err != nil {
		return err
	}
	defer done()
	if !pause(ctx, d.pace.onward(time.Now())) {
		return context.Cause(ctx)
	}
	return nil
}

// shake notes the connection whose handshake begins; nil: it has ended.
func (d *dialer) shake(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shaking = conn
}

func (d *dialer) begin() (context.Context, func(), error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, nil, errClosing
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	d.cancel = cancel
	return ctx, cancel, nil
}

// interrupt breaks off the attempt under way, so that the next one follows.
func (d *dialer) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
	if d.shaking != nil {
		_ = d.shaking.Close() // nats.go holds its lock until it notices
	}
}

func (d *dialer) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.crowd.close()
	d.interrupt()
}

func (d *dialer) connect(ctx context.Context, address string) (net.Conn, error) {
	proxy, err := d.proxy(d.webURL, address)
	if err != nil {
		return nil, err
	}
	if proxy == nil {
		return dialHost(ctx, address)
	}
	conn, err := tunnel(ctx, proxy, address)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", proxy.Host, err)
	}
	return conn, nil
}

// delay is asked by nats.go when it has tried every server once.
func (d *dialer) delay(round int) time.Duration {
	nc := d.conn.Load()
	if nc == nil {
		return 0
	}
	d.made.Store(false)
	err := nc.LastError() // of a handshake: nats.go reports it nowhere else
	costly := err != nil && d.last.wasCostly()
	if untold := d.last.endRound(); untold && err == nil {
		err, costly = errUntold, true
	}
	denied := errors.Is(err, nats.ErrAuthorization) || errors.Is(err, errUntold)
	other := denied && !d.refused.Load() && d.both.Load() // is tried next, and may be right
	d.refused.Store(denied && !d.refused.Load())
	if err != nil {
		d.report.failed(nc, err)
	}
	return d.pace.delay(round, costly && !other, time.Now())
}
