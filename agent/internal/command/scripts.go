package command

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// Scripts has the scripts that commands name instead of carrying them.
type Scripts interface {
	// Script returns the script of this digest if it is on this host. Otherwise fetch
	// is not nil: it blocks until the script is here, or can never be (its error says
	// why), or ctx ends. An error of Script itself is of the second kind.
	Script(object, digest string) (script string, fetch func(context.Context) error, err error)
}

// noScripts is the Scripts of an agent that has none.
type noScripts struct{}

func (noScripts) Script(object, _ string) (string, func(context.Context) error, error) {
	return "", nil, fmt.Errorf("the script is in the object store (%.80q), from which this agent takes none", object)
}

// fillIn puts the script into a command that only names it. The verdict is to
// wait when fetch has to come first.
func (p *performer) fillIn(c *wire.Command) (fetch func(context.Context) error, v Verdict) {
	if c.Script != "" || c.ScriptObject == "" {
		return nil, Verdict{Run: true}
	}
	script, fetch, err := p.scripts.Script(c.ScriptObject, c.ScriptObjectSHA256)
	switch {
	case err != nil:
		return nil, noScript(err)
	case fetch != nil:
		return fetch, Verdict{Wait: true}
	}
	c.Script = script
	return nil, Verdict{Run: true}
}

func noScript(err error) Verdict {
	return Verdict{ExitCode: wire.ExitFailed, Reason: "not run: " + err.Error()}
}

// scriptPause is after which time a command that waits for its script is decided
// again, for what may have become of it meanwhile.
const scriptPause = 5 * time.Second

// awaitScript puts back a command whose script is not here yet. It holds no
// slot, and others go on.
func (p *performer) awaitScript(ctx context.Context, r *candidate, fetch func(context.Context) error) {
	c := r.command
	r.awaits = true
	pause := scriptPause + time.Duration(p.queue.len())*time.Millisecond
	p.queue.again(r.item, time.Now().Add(pause))
	if p.fetches.join(ctx, scriptName{c.ScriptObject, c.ScriptObjectSHA256}, r.key, fetch, p.fetched) {
		p.log.Info("a command waits for its script", "request_id", c.RequestID, "job", c.ID, "object", c.ScriptObject)
	}
	if !p.queue.has(r.key) {
		p.fetches.forget(r.key) // it was taken out, or hurried, before it joined
	}
	p.killMissed(r)
}

// fetched brings on the commands whose script is here, and answers those that
// can never have it.
func (p *performer) fetched(keys []Key, err error) {
	for _, key := range keys {
		if err == nil {
			p.queue.hurry(key)
		} else {
			p.refuseWaiting(key, func(wire.Command) Verdict { return noScript(err) })
		}
	}
}

// refuseWaiting records the verdict of a command that waits, and has it answered.
func (p *performer) refuseWaiting(key Key, verdict func(wire.Command) Verdict) {
	it, ok := p.queue.remove(key)
	p.fetches.forget(key)
	if !ok {
		return // it runs, is answered already, or is being decided
	}
	body, _, ok := p.ledger.Body(key)
	if !ok {
		return
	}
	c, _ := wire.DecodeCommand(body)
	if _, ok := p.conclude(context.Background(), it, c, verdict(c)); ok {
		p.verdicts.push(key, time.Time{}, 1)
	}
}

// hurry makes a command due that waits.
func (q *queue) hurry(key Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it, ok := q.places[key]; ok {
		it.due = time.Time{}
		heap.Fix(&q.items, it.place)
		signal(q.wake)
	}
}
