package jstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// reconnectWait keeps tests quick: a client of Connect finds a restarted broker within this time.
const reconnectWait = 50 * time.Millisecond

// pingInterval has a client of Connect find within 30 s that its broker is dead although the connection is not: Wine keeps
// some of a killed process's connections open, and the pings of nats.go take six minutes by default.
const pingInterval = 10 * time.Second

// BrokerOption changes how a Broker is configured.
type BrokerOption func(*brokerConfig)

type brokerConfig struct {
	jetStream bool
	lines     []string
}

// WithConfig appends text to the server's configuration file, for example an authorization block.
func WithConfig(text string) BrokerOption {
	return func(c *brokerConfig) { c.lines = append(c.lines, text) }
}

// WithMaxPayload sets the largest message, in bytes, that the broker takes. The server's default is 1 MiB.
func WithMaxPayload(bytes int) BrokerOption {
	return WithConfig(fmt.Sprintf("max_payload: %d", bytes))
}

// WithoutJetStream gives a broker with core NATS only.
func WithoutJetStream() BrokerOption {
	return func(c *brokerConfig) { c.jetStream = false }
}

// Broker is a real nats-server process on a loopback port that stays the same over restarts.
// What it stores survives Stop, Kill and Restart until Wipe or the end of the test.
// Its methods fail the test instead of returning errors, so they belong on the test's goroutine; URL may be called anywhere.
type Broker struct {
	t       testing.TB
	dir     string
	port    *portLease
	name    string
	process *process // nil while stopped
}

// StartBroker is NewBroker followed by Start.
func StartBroker(t testing.TB, opts ...BrokerOption) *Broker {
	t.Helper()
	b := NewBroker(t, opts...)
	b.Start()
	return b
}

// NewBroker prepares a broker with JetStream, a store folder and a port of its own, and does not start it: until
// Start, a connection to URL is refused. It ends with the test, and its log is printed when the test failed.
func NewBroker(t testing.TB, opts ...BrokerOption) *Broker {
	t.Helper()
	if _, err := serverPath(); err != nil {
		t.Fatal(err)
	}
	port, err := leasePort()
	if err != nil {
		t.Fatal(err)
	}
	b := &Broker{t: t, dir: t.TempDir(), port: port, name: fmt.Sprintf("jstest-%d-%d", os.Getpid(), port.number)}
	t.Cleanup(b.cleanup)
	b.writeConfig(opts)
	return b
}

// URL is the address for clients, the same before, during and after a restart.
func (b *Broker) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.port.number) }

// Start starts the server and returns when it accepts connections. On a running broker it fails the test.
func (b *Broker) Start() {
	b.t.Helper()
	if b.process != nil {
		b.t.Fatal("jstest: start broker: already running")
	}
	server, err := serverPath()
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := startReady(server, b.path("server.conf"), b.path("server.log"), b.port.number, b.name)
	if err != nil {
		b.t.Fatalf("jstest: start broker: %v", err)
	}
	b.process = p
}

// Stop ends the server in an orderly way (SIGTERM; on Windows, which has no such signal, like Kill) and waits for its end.
func (b *Broker) Stop() {
	b.t.Helper()
	b.end((*process).stop)
}

// Kill ends the server as a crash would (SIGKILL) and waits for its end. What it had acknowledged is kept by the operating system.
func (b *Broker) Kill() {
	b.t.Helper()
	b.end((*process).kill)
}

// Restart stops the server if it runs, and starts it again on the same port and store.
func (b *Broker) Restart() {
	b.t.Helper()
	if b.process != nil {
		b.Stop()
	}
	b.Start()
}

// Wipe deletes everything the stopped broker has stored: streams, consumers, buckets.
func (b *Broker) Wipe() {
	b.t.Helper()
	if b.process != nil {
		b.t.Fatal("jstest: wipe broker: it is running, stop it first")
	}
	if err := os.RemoveAll(b.path("store")); err != nil {
		b.t.Fatalf("jstest: wipe broker: %v", err)
	}
}

// Pause freezes the process: its connections stay open and nothing is answered, as with a hung or half-open broker.
func (b *Broker) Pause() {
	b.t.Helper()
	b.control("pause", pauseProcess)
}

// Resume lets a paused broker go on.
func (b *Broker) Resume() {
	b.t.Helper()
	b.control("resume", resumeProcess)
}

// Connect returns a connection that is closed at the end of the test. It reconnects for ever and quickly; opts come
// last and win. A broker that is down fails the test, unless opts have nats.RetryOnFailedConnect.
func (b *Broker) Connect(opts ...nats.Option) *nats.Conn {
	b.t.Helper()
	all := append([]nats.Option{
		nats.Name(b.t.Name()), nats.Timeout(10 * time.Second), nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(0, 0), nats.PingInterval(pingInterval),
	}, opts...)
	nc, err := nats.Connect(b.URL(), all...)
	if err != nil {
		b.t.Fatalf("jstest: connect to broker: %v", err)
	}
	b.t.Cleanup(nc.Close)
	return nc
}

// JetStream returns a JetStream context on a connection of its own, made as by Connect.
func (b *Broker) JetStream(opts ...nats.Option) jetstream.JetStream {
	b.t.Helper()
	js, err := jetstream.New(b.Connect(opts...))
	if err != nil {
		b.t.Fatalf("jstest: open jetstream: %v", err)
	}
	return js
}

func (b *Broker) path(name string) string { return filepath.Join(b.dir, name) }

func (b *Broker) writeConfig(opts []BrokerOption) {
	b.t.Helper()
	cfg := brokerConfig{jetStream: true}
	for _, opt := range opts {
		opt(&cfg)
	}
	lines := []string{
		fmt.Sprintf("server_name: %q", b.name),
		fmt.Sprintf("listen: \"127.0.0.1:%d\"", b.port.number),
	}
	if cfg.jetStream {
		lines = append(lines, fmt.Sprintf("jetstream { store_dir: %q }", filepath.ToSlash(b.path("store"))))
	}
	text := strings.Join(append(lines, cfg.lines...), "\n") + "\n"
	if err := os.WriteFile(b.path("server.conf"), []byte(text), 0o600); err != nil {
		b.t.Fatalf("jstest: write broker configuration: %v", err)
	}
}

func (b *Broker) end(how func(*process) error) {
	b.t.Helper()
	if b.process == nil {
		b.t.Fatal("jstest: stop broker: it is not running")
	}
	p := b.process
	b.process = nil
	if err := how(p); err != nil {
		b.t.Fatalf("jstest: stop broker: %v", err)
	}
}

func (b *Broker) control(verb string, do func(*os.Process) error) {
	b.t.Helper()
	if b.process == nil {
		b.t.Fatalf("jstest: %s broker: it is not running", verb)
	}
	if err := do(b.process.cmd.Process); err != nil {
		b.t.Fatalf("jstest: %s broker: %v", verb, err)
	}
}

func (b *Broker) cleanup() {
	if b.process != nil {
		if err := b.process.kill(); err != nil {
			b.t.Errorf("jstest: stop broker: %v", err)
		}
	}
	b.port.release()
	if b.t.Failed() {
		b.t.Logf("log of the broker at %s:\n%s", b.URL(), tail(b.path("server.log")))
	}
}
