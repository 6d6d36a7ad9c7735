package doctor

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// prober asks the broker one thing after the other. The broker handles what
// comes over a connection in order: a refusal is there before the answer to the
// ping that follows.
type prober struct {
	nc *nats.Conn
	// noInbox says that replies cannot be received.
	noInbox bool

	// What an answer said of the broker's clock; see userInfo.
	timed       bool
	skew, doubt time.Duration
}

func newProber(nc *nats.Conn) *prober { return &prober{nc: nc} }

// answer is what came of a probe.
type answer struct {
	denied bool
	err    error     // the probe itself failed; nothing is known
	msg    *nats.Msg // of a request: the reply, nil if there was none
	nobody bool      // of a request: nobody listens there
}

const (
	publishDenied   = "for publish to "
	subscribeDenied = "for subscription to "
)

// denied reports whether the last error of the connection is the refusal of this
// subject. nats.go notes it before it handles anything that the broker sent later.
func (p *prober) denied(kind, subject string) bool {
	err := p.nc.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(strings.ToLower(err.Error()), kind+`"`+strings.ToLower(subject)+`"`)
}

func (p *prober) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	return p.nc.FlushWithContext(ctx)
}

// subscribe asks for a subject for a moment, and looks at no message of it.
func (p *prober) subscribe(ctx context.Context, subject string) answer {
	sub, err := p.nc.Subscribe(subject, func(*nats.Msg) {})
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = sub.Unsubscribe() }() // one that was refused is gone already
	if err := p.flush(ctx); err != nil {
		return answer{err: err}
	}
	return answer{denied: p.denied(subscribeDenied, subject)}
}

// publish sends something that means nothing to who listens there.
func (p *prober) publish(ctx context.Context, subject string, data []byte) answer {
	if err := p.nc.Publish(subject, data); err != nil {
		return answer{err: err}
	}
	if err := p.flush(ctx); err != nil {
		return answer{err: err}
	}
	return answer{denied: p.denied(publishDenied, subject)}
}

// request sends a question and waits for its reply. One that the broker refuses
// gets none, and is not waited for.
func (p *prober) request(ctx context.Context, subject string, data []byte) answer {
	if p.noInbox {
		return p.publish(ctx, subject, data)
	}
	inbox := p.nc.NewInbox()
	replies := make(chan *nats.Msg, 1)
	sub, err := p.nc.ChanSubscribe(inbox, replies)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = sub.Unsubscribe() }() // one that was refused is gone already
	sent := time.Now()
	if err := p.nc.PublishRequest(subject, inbox, data); err != nil {
		return answer{err: err}
	}
	if err := p.flush(ctx); err != nil {
		return answer{err: err}
	}
	if p.denied(publishDenied, subject) {
		return answer{denied: true}
	}
	timer := time.NewTimer(answerWait)
	defer timer.Stop()
	select {
	case m := <-replies:
		p.noteTime(m.Data, sent)
		return answer{msg: m, nobody: len(m.Data) == 0 && m.Header.Get("Status") == "503"}
	case <-timer.C:
	case <-ctx.Done():
	}
	return answer{}
}
