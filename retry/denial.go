package retry

import (
	"errors"
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
	install sync.Once
	mu      sync.Mutex
	next    int
	hear    map[int]func(Denial)
}

// OnDenied calls h with every refusal of a subject by the server, until stop is called. It is an ability of FromNATS's
// Transport beyond the interface, found by type assertion. h runs on nats.go's goroutine for callbacks and must not block.
// At the first call an error handler is put before the one that the connection has, which is still called; a program that
// sets another one later (nats.Conn.SetErrorHandler) ends the notices, and refusals are then noticed by deadlines alone.
func (t *natsTransport) OnDenied(h func(Denial)) (stop func()) {
	t.denials.install.Do(func() { t.denials.listen(t.nc) })
	return t.denials.add(h)
}

func (d *denials) listen(nc *nats.Conn) {
	before := nc.ErrorHandler()
	nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if refused, ok := readDenial(err); ok {
			d.tell(refused)
		}
		if before != nil {
			before(nc, sub, err)
		}
	})
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

// tell calls under the lock, so that no call comes after stop has returned.
func (d *denials) tell(refused Denial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.hear {
		h(refused)
	}
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
