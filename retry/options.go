package retry

import (
	"log/slog"
	"time"
)

// DefaultAttemptTimeout is the deadline of one attempt unless WithAttemptTimeout says otherwise. It is the time that
// NATS clients commonly give one JetStream API call.
const DefaultAttemptTimeout = 5 * time.Second

// Attempt describes one attempt that has just ended, for WithOnAttempt.
type Attempt struct {
	What string        // what is being waited for, such as "kv settings"
	N    int           // number of this attempt, from 1
	Err  error         // nil: it succeeded and the wait is over
	Wait time.Duration // pause before the next attempt; zero when there is none
}

// Option changes how Forever and the WaitFor functions wait.
type Option func(*options)

var silent = slog.New(slog.DiscardHandler)

type options struct {
	backoff        Backoff
	transport      Transport
	attemptTimeout time.Duration
	log            *slog.Logger
	onAttempt      func(Attempt)
	news           <-chan struct{} // set by WaitFor: what is waited for was announced
	readerOptions                  // of Consume and ReadObject

	readSpread, hintSpread  time.Duration // the rest is WatchKV's
	ownKeys                 []string
	checkHinted, checkBlind time.Duration
	beat                    func(every time.Duration) time.Duration
}

// Defaults of WatchKV.
const (
	DefaultReadSpread         = 50 * time.Millisecond // WithReadSpread
	DefaultHintSpread         = 50 * time.Millisecond // WithHintSpread
	DefaultCheckInterval      = 60 * time.Second      // WithCheckInterval, hinted
	DefaultBlindCheckInterval = 10 * time.Second      // WithCheckInterval, blind
)

// WithBackoff replaces DefaultBackoff.
func WithBackoff(b Backoff) Option { return func(o *options) { o.backoff = b } }

// WithTransport lets the wait see the connection: a reconnect ends a pause at once, and while the connection is down each
// attempt first waits up to 5 s for it to come back. WaitForKV, WaitForStream, WaitForConsumer and WaitForObjectStore also
// listen for the server's notice that the missing thing was created. Nil, the default, leaves the pauses alone.
func WithTransport(t Transport) Option { return func(o *options) { o.transport = t } }

// WithAttemptTimeout gives each attempt its own deadline, DefaultAttemptTimeout unless set. Zero or less means that only
// the caller's context bounds an attempt.
func WithAttemptTimeout(d time.Duration) Option { return func(o *options) { o.attemptTimeout = d } }

// WithLogger reports progress: the first failure at warn, further ones at debug, the success after failures at info with
// their number, a success at the first attempt at debug. Nil, the default, logs nothing. What is returned is not logged.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// WithOnAttempt calls f after every attempt, failed or not, before the pause that follows. It runs on the caller's
// goroutine, so it must not block. An attempt that the end of the caller's context has cut short is not reported. Of several,
// all are called.
func WithOnAttempt(f func(Attempt)) Option {
	return func(o *options) {
		before := o.onAttempt
		if f == nil {
			return
		}
		o.onAttempt = func(a Attempt) {
			if before != nil {
				before(a)
			}
			f(a)
		}
	}
}

// WithReadSpread makes WatchKV wait for a random time below d before it reads after a reconnect, as other clients do. The
// default, DefaultReadSpread, keeps the value a few hundredths of a second away: clients seldom reconnect in step. Zero or less
// is no wait.
func WithReadSpread(d time.Duration) Option { return func(o *options) { o.readSpread = d } }

// WithHintSpread makes WatchKV wait for a random time below d before it reads a key that was written to, for keys that many
// clients watch: all of them hear of a write in the same moment, and each sends a request. The default is DefaultHintSpread; for
// n clients of one broker d = n/500 s keeps them below 500 requests/s. Zero or less is no wait. A key that matches one of own,
// patterns as of Keys, is watched by this client alone and read at once.
func WithHintSpread(d time.Duration, own ...string) Option {
	return func(o *options) { o.hintSpread, o.ownKeys = d, own }
}

// WithCheckInterval sets how often WatchKV makes sure that it has missed nothing: hinted while it hears of writes,
// DefaultCheckInterval, and blind while the server does not let it, DefaultBlindCheckInterval. Each pause is up to a quarter
// shorter by chance. What is not positive keeps the default; a blind interval above the other counts as that.
func WithCheckInterval(hinted, blind time.Duration) Option {
	return func(o *options) {
		if hinted > 0 {
			o.checkHinted = hinted
		}
		if blind > 0 {
			o.checkBlind = blind
		}
	}
}

// WithBeat has WatchKV make its checks in moments that until names: how long it is to the next of those that are every apart.
// The views of one process that share them wake it once, in place of once each; other hosts must have other moments. Nil, the
// default, leaves them to chance.
func WithBeat(until func(every time.Duration) time.Duration) Option {
	return func(o *options) { o.beat = until }
}

func newOptions(opts []Option) options {
	o := options{
		backoff: DefaultBackoff(), attemptTimeout: DefaultAttemptTimeout,
		readSpread: DefaultReadSpread, hintSpread: DefaultHintSpread, checkHinted: DefaultCheckInterval, checkBlind: DefaultBlindCheckInterval,
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.log == nil {
		o.log = silent
	}
	return o
}
