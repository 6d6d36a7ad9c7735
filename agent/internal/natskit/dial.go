package natskit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Options say where to connect to and as whom. At most one kind of credentials
// is set.
type Options struct {
	Servers   []string
	Name      string
	Token     string
	User      string
	Password  string
	NKeyFile  string
	CredsFile string
	CAFile    string
	CertFile  string
	KeyFile   string
	Logger    *slog.Logger
}

const (
	dialTimeout = 5 * time.Second
	// Two pings without an answer end a connection: a frozen broker is noticed
	// within 45 s.
	pingInterval = 15 * time.Second
	pingsOut     = 2
	// writeTimeout bounds a write to a broker that does not read. The client
	// holds its lock meanwhile, so that everything else waits too, a stop as well.
	writeTimeout = 2 * time.Second
	// reconnectMax caps the pause between two attempts, as in the contract.
	reconnectMax = 4 * time.Second
)

// Dial returns at once, with or without a broker, and connects in the
// background for ever. Only options that can never work are an error.
func Dial(o Options) (*nats.Conn, error) {
	opts, err := o.nats()
	if err != nil {
		return nil, err
	}
	settings := nats.GetDefaultOptions()
	settings.Servers = o.Servers
	for _, opt := range opts {
		if err := opt(&settings); err != nil {
			return nil, fmt.Errorf("connection options: %w", err)
		}
	}
	nc, err := settings.Connect()
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return nc, nil
}

func (o Options) nats() ([]nats.Option, error) {
	auth, err := o.credentials()
	if err != nil {
		return nil, err
	}
	secure, err := o.tls()
	if err != nil {
		return nil, err
	}
	opts := []nats.Option{
		nats.Name(o.Name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(pingsOut),
		nats.FlusherTimeout(writeTimeout),
	}
	opts = append(opts, o.handlers()...)
	return append(append(opts, auth...), secure...), nil
}

func (o Options) credentials() ([]nats.Option, error) {
	switch {
	case o.Token != "":
		return []nats.Option{nats.Token(o.Token)}, nil
	case o.User != "":
		return []nats.Option{nats.UserInfo(o.User, o.Password)}, nil
	case o.NKeyFile != "":
		opt, err := nats.NkeyOptionFromSeed(o.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read nkey seed from %s: %w", o.NKeyFile, err)
		}
		return []nats.Option{opt}, nil
	case o.CredsFile != "":
		if _, err := os.Stat(o.CredsFile); err != nil {
			return nil, fmt.Errorf("creds file: %w", err)
		}
		return []nats.Option{nats.UserCredentials(o.CredsFile)}, nil
	}
	return nil, nil
}

func (o Options) tls() ([]nats.Option, error) {
	if o.CAFile == "" && o.CertFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls ca: %s holds no PEM certificate", o.CAFile)
		}
	}
	if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls certificate %s with key %s: %w", o.CertFile, o.KeyFile, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return []nats.Option{nats.Secure(config)}, nil
}

// reconnectDelay is the contract's: at once, then 2, 4, 8 … ms up to 4 s, with
// half of it random, so that a fleet does not come back in lockstep.
func reconnectDelay(attempt int) time.Duration {
	if attempt <= 1 {
		return 0
	}
	full := min(time.Millisecond<<min(attempt-1, 20), reconnectMax)
	return full/2 + rand.N(full/2+1)
}

// handlers log what changes. Errors of the broker that name a subject (a
// missing permission) come here and nowhere else.
func (o Options) handlers() []nats.Option {
	log := o.Logger
	failures := &streak{log: log}
	return []nats.Option{
		nats.ReconnectErrHandler(failures.note),
		nats.ConnectHandler(func(nc *nats.Conn) { failures.end(); log.Info("connected", "server", nc.ConnectedUrlRedacted()) }),
		nats.ReconnectHandler(func(nc *nats.Conn) { failures.end(); log.Info("reconnected", "server", nc.ConnectedUrlRedacted()) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("connection lost; reconnecting", "error", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) && sub != nil {
				log.Warn("messages were dropped: more arrived than could be taken", "subject", sub.Subject)
				return
			}
			log.Warn("the broker reported an error", "error", err)
		}),
	}
}

// streak reports a row of failed attempts once, and again when the reason
// changes; the attempts in between come every few seconds.
type streak struct {
	log  *slog.Logger
	mu   sync.Mutex
	last string
}

func (s *streak) note(_ *nats.Conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	level := slog.LevelDebug
	if err.Error() != s.last {
		s.last, level = err.Error(), slog.LevelWarn
	}
	s.log.Log(context.Background(), level, "no connection to the broker; trying again", "error", err)
}

func (s *streak) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = ""
}
