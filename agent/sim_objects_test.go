package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/retry/jstest"
)

// objectFate is what becomes of the script object that an order names.
type objectFate int

const (
	inline  objectFate = iota // the order carries its script
	stored                    // before it is sent
	missing                   // nobody ever stores it
	swapped                   // it has other bytes than was promised
)

// stock is what the backend has in the store of scripts, by name. Guarded by
// sim.mu.
type stock map[string]string

// addObjects lets orders and jobs name their scripts instead of carrying them, and
// lets the store fail, vanish and come back.
func (p *plan) addObjects(r *rand.Rand) {
	if percent(r, 50) {
		return
	}
	for _, o := range p.orders {
		if o.command.Shell == string(exec.Sh) && o.kind != undecodable && percent(r, 50) {
			o.object = []objectFate{stored, stored, stored, missing, swapped}[r.IntN(5)]
		}
	}
	for _, t := range p.tickers {
		t.object = percent(r, 60)
	}
	for range r.IntN(3) {
		at, times := between(r, 0, p.length), 1+r.IntN(6)
		p.add(event{at, "fail " + jstest.OpObjectRead, func(s *sim) { s.host.fail(jstest.OpObjectRead, nats.ErrTimeout, times) }})
	}
	if percent(r, 30) {
		at := between(r, 0, p.length)
		p.add(
			event{at, "delete the store of scripts", func(s *sim) { s.backend.deleteScripts() }},
			event{at + spread(r, 30*time.Minute), "create the streams", func(s *sim) { s.backend.createStreams() }},
		)
	}
}

func digestOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return hex.EncodeToString(sum[:])
}

// nameScript makes a command name its script.
func (o *order) nameScript(c *wire.Command) {
	if o.object != inline {
		c.ScriptObject, c.ScriptObjectSHA256, c.Script = fmt.Sprintf("%s/%s", o.id, c.ID), digestOf(c.Script), ""
	}
}

// storeScript comes before the order.
func (b *backend) storeScript(o *order, variant int) {
	switch name := fmt.Sprintf("%s/job-%d", o.id, variant); o.object {
	case stored:
		b.putScript(name, fmt.Sprintf("%s %d", o.id, variant))
	case swapped:
		b.putScript(name, o.id+" 9")
	}
}

func (b *backend) putScript(name, script string) {
	b.s.mu.Lock()
	same := b.stock[name] == script
	b.stock[name] = script
	b.s.mu.Unlock()
	if !same {
		b.store(name, script)
	}
}

// store does nothing while there is no store: who creates it fills it.
func (b *backend) store(name, script string) {
	ctx := context.Background()
	objects, err := b.client.JetStream().ObjectStore(ctx, wire.StoreScripts)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return
	}
	must(err)
	_, err = objects.PutString(ctx, name, script)
	must(err)
}

func (b *backend) createScripts() {
	_, err := b.client.JetStream().CreateObjectStore(context.Background(), jetstream.ObjectStoreConfig{Bucket: wire.StoreScripts})
	must(err)
	b.s.mu.Lock()
	all := maps.Clone(b.stock)
	fill := b.emptied
	b.emptied = false
	b.s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if fill {
			b.store(name, all[name])
		}
	}
}

func (b *backend) deleteScripts() {
	b.s.happened("fault: store of scripts deleted")
	b.s.mu.Lock()
	b.emptied = true
	b.s.mu.Unlock()
	err := b.client.JetStream().DeleteObjectStore(context.Background(), wire.StoreScripts)
	if !errors.Is(err, jetstream.ErrBucketNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		must(err)
	}
}

// jobOf is the row of a ticker's job. Its object is replaced under the same name.
func (b *backend) jobOf(t *ticker, version int) wire.Manifest {
	m := wire.Manifest{ID: t.id, Version: fmt.Sprint(version), Execute: wire.Execute{Shell: "once", Timeout: "1h", Script: "tick"}}
	if t.object {
		m.Execute.Script, m.Execute.ScriptObject = "", t.id
		b.putScript(t.id, fmt.Sprint("tick ", version))
	}
	return m
}

// received is a command as the host received it, without the script that was
// brought from the store; that is the one that was promised.
func (l *life) received(c wire.Command) ([]byte, error) {
	if c.ScriptObject != "" {
		if digestOf(c.Script) != c.ScriptObjectSHA256 {
			l.s.problem("%s is run with a script that was not promised: %q", c.RequestID, c.Script)
		}
		l.s.happened("object: run by a schedule")
		c.Script = ""
	}
	return c.Encode()
}

// checkObject: what was not promised does not run, and what is there does.
func (s *sim) checkObject(o *order) {
	r := o.results[0]
	switch {
	case o.object == inline || r.ManifestID != "job-0":
		return
	case len(o.starts) > 0 && o.object != stored:
		s.problem("%s was started, and its script was never there", o.id)
	case len(o.starts) > 0:
		s.happened("object: run")
	case o.object != stored && resultKind(r) == "failed":
		s.happened("object: refused")
	}
}
