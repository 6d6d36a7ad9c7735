package responder

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/agent/internal/subscribed"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// pending is how many requests wait at most.
const pending = 64

// ErrorHeader marks a reply that is the text of an error; NATS services use it
// too.
const ErrorHeader = "Nats-Service-Error"

// Responder answers the requests on one subject.
type Responder struct {
	Transport retry.Transport
	Subject   string
	// Answer gets the request's data.
	Answer func(ctx context.Context, request []byte) ([]byte, error)
	// Burst requests are answered at once, then one in Every.
	Every time.Duration
	Burst int
	// Settled is called with the subject when the broker had refused it and does not
	// any more. Nil: nobody is told.
	Settled func(subject string)
	Logger  *slog.Logger

	ready   time.Time // see pace
	dropped int
	notices struct{ dropped, silent, misdirected, unsent notice }
}

// Run answers until ctx ends.
func (r *Responder) Run(ctx context.Context) error {
	subs := subscribed.New(r.Transport, r.Settled, r.Logger)
	ctx, cancel := context.WithCancel(ctx)
	var standing sync.WaitGroup
	defer func() {
		cancel() // or the handler would wait for ever, and the end of the subscription for it
		standing.Wait()
		subs.Stop()
	}()
	requests := make(chan *nats.Msg)
	sub, err := subs.Subscribe(r.Subject, pending, func(m *nats.Msg) {
		select {
		case requests <- m:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return fmt.Errorf("responder: %w", err)
	}
	standing.Go(func() { _ = subs.Run(ctx) })
	for r.serve(ctx, requests) {
		r.noteDropped(sub.Dropped())
	}
	return nil
}

// serve answers one request; false: ctx has ended.
func (r *Responder) serve(ctx context.Context, requests <-chan *nats.Msg) bool {
	select {
	case <-ctx.Done():
		return false
	case m := <-requests:
		if r.accepts(m) && r.pace(ctx) {
			r.reply(ctx, m)
		}
		return ctx.Err() == nil
	}
}

// foreign are the first tokens of subjects that no reply may go to: the fleet's
// own, where a reply would be taken for a message of another kind.
var foreign = []string{
	"agents", "audit", "commands", "events", "heartbeat", "host_perf", "inventory", "job", "kill", "logs",
	"notif-amend", "notifications", "obs", "process_perf", "remote", "results",
}

func (r *Responder) accepts(m *nats.Msg) bool {
	if m.Reply == "" {
		r.notices.silent.warn(r.Logger, "a request without a reply subject was ignored", "subject", r.Subject)
		return false
	}
	first, _, _ := strings.Cut(m.Reply, ".")
	if wire.SubjectSafe(m.Reply) != nil || strings.HasPrefix(first, "$") || slices.Contains(foreign, first) {
		r.notices.misdirected.warn(r.Logger, "a request was ignored: its reply subject is not an inbox", "subject", r.Subject)
		return false
	}
	return true
}

// pace waits until the next answer is due: ready is when all of the burst could
// be used again. False: ctx has ended.
func (r *Responder) pace(ctx context.Context) bool {
	now := time.Now()
	if r.ready.Before(now) {
		r.ready = now
	}
	r.ready = r.ready.Add(r.Every)
	wait := r.ready.Sub(now) - time.Duration(r.Burst)*r.Every
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (r *Responder) reply(ctx context.Context, m *nats.Msg) {
	reply := nats.NewMsg(m.Reply)
	data, err := r.Answer(ctx, m.Data)
	if err != nil {
		data = []byte(err.Error())
		reply.Header.Set(ErrorHeader, oneLine(err.Error()))
	}
	reply.Data = data
	if err := r.Transport.Publish(reply); err != nil {
		r.notices.unsent.warn(r.Logger, "a reply was not sent", "subject", r.Subject, "error", err)
	}
}

// oneLine makes text a header's value.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

func (r *Responder) noteDropped(n int) {
	if n > r.dropped {
		r.notices.dropped.warn(r.Logger, "more requests came than are answered; some were dropped", "subject", r.Subject, "dropped", n)
	}
	r.dropped = n
}

// noticeEvery is how often the same warning may be repeated.
const noticeEvery = time.Minute

// notice is a warning that comes at most once a minute.
type notice struct {
	at    time.Time
	times int
}

func (n *notice) warn(log *slog.Logger, text string, args ...any) {
	n.times++
	if !n.at.IsZero() && time.Since(n.at) < noticeEvery {
		return
	}
	log.Warn(text, append(args, "times", n.times)...)
	n.at, n.times = time.Now(), 0
}
