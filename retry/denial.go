package retry

import (
	"errors"
	"reflect"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// Denial is the server's refusal of one subject. A refused publish or request gets no answer and a refused subscription no
// message: this notice, which comes some time later, is all there is.
type Denial struct {
	Subject   string // as it was published or subscribed to
	Subscribe bool   // else it was a publish
	Err       error  // wraps nats.ErrPermissionViolation
}

// denialNotifier is an ability of a Transport beyond the interface: h hears every Denial until stop is called. It may be
// called from any goroutine and must not block.
type denialNotifier interface {
	OnDenied(h func(Denial)) (stop func())
}

// denials hands what the connection's error handler hears to those who asked.
type denials struct {
	install   sync.Mutex // held while the error handler is put in place
	installed bool

	mu   sync.Mutex
	next int
	hear map[int]func(Denial)
	last error // told last
}

// OnDenied calls h with every refusal of a subject by the server, until stop is called. It is an ability of FromNATS's
// Transport beyond the interface, found by type assertion. h runs on nats.go's goroutine for callbacks and must not block.
// At the first call an error handler is put before the one that the connection has, which is still called, and stays there; a
// program that sets another one later (nats.Conn.SetErrorHandler) ends the notices, and refusals are then noticed by
// deadlines alone, until OnDenied is called while nobody else listens: then the handler is put before the other one.
func (t *natsTransport) OnDenied(h func(Denial)) (stop func()) {
	t.denials.listen(t.nc)
	return t.denials.add(h)
}

// listen puts the handler in place unless it is there. It looks only when nobody listens: nats.go may hold its lock for long.
func (d *denials) listen(nc *nats.Conn) {
	d.install.Lock()
	defer d.install.Unlock()
	if d.installed && d.heard() {
		return
	}
	before := nc.ErrorHandler()
	if d.installed && isDenialRelay(before) {
		return
	}
	nc.SetErrorHandler((&denialRelay{to: d, next: before}).handle)
	d.installed = true
}

// denialRelay tells of refusals, then calls the handler that the connection had before.
type denialRelay struct {
	to   *denials
	next nats.ErrHandler
}

func (r *denialRelay) handle(nc *nats.Conn, sub *nats.Subscription, err error) {
	if refused, ok := readDenial(err); ok {
		r.to.tell(refused)
	}
	if r.next != nil {
		r.next(nc, sub, err)
	}
}

// isDenialRelay reports whether h is the handle of some denialRelay: all of them share their code, which is what can be compared
// of a func.
func isDenialRelay(h nats.ErrHandler) bool {
	return reflect.ValueOf(h).Pointer() == reflect.ValueOf((&denialRelay{}).handle).Pointer()
}

func (d *denials) heard() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hear) > 0
}

func (d *denials) add(h func(Denial)) (stop func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hear == nil {
		d.hear = map[int]func(Denial){}
	}
	id := d.next
	d.next++
	d.hear[id] = h
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.hear, id)
	}
}

// tell calls under the lock, so that no call comes after stop has returned. An error that comes again has come through a
// handler of the program that calls one of ours behind ours.
func (d *denials) tell(refused Denial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if isSame(refused.Err, d.last) {
		return
	}
	d.last = refused.Err
	for _, h := range d.hear {
		h(refused)
	}
}

// isSame compares errors by identity, which nats.go's have; to compare others may panic.
func isSame(a, b error) bool {
	return reflect.ValueOf(a).Kind() == reflect.Pointer && a == b //nolint:errorlint // identity is what is asked for
}

const (
	publishDenied   = `Permissions Violation for Publish to "`
	subscribeDenied = `Permissions Violation for Subscription to "`
)

// readDenial finds the subject in the server's text, which is the only place that has it.
func readDenial(err error) (Denial, bool) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return Denial{}, false
	}
	text := err.Error()
	for _, kind := range []string{publishDenied, subscribeDenied} {
		if _, rest, found := strings.Cut(text, kind); found {
			subject, _, _ := strings.Cut(rest, `"`)
			return Denial{Subject: subject, Subscribe: kind == subscribeDenied, Err: err}, true
		}
	}
	return Denial{}, false
}
