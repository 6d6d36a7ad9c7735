package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// accepting is a broker's configuration that knows the agent by password, and
// lets the test in without one.
func accepting(password string) jstest.BrokerOption {
	return jstest.WithConfig(fmt.Sprintf(
		`no_auth_user: test
authorization { users: [{user: test, password: test}, {user: agent, password: %q}] }`, password))
}

// A password that is rotated at the broker and then on the host: the agent takes
// commands again, and never ended.
func TestARotatedPasswordNeedsNoRestart(t *testing.T) {
	needsSh(t)
	broker := jstest.StartBroker(t, accepting("first-s3cret"))
	b := newBackend(t, broker)
	cfg := newConfig(t, broker.URL())
	cfg.User, cfg.PasswordFile = "agent", filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(cfg.PasswordFile, []byte("first-s3cret\n"), 0o600))
	var log logtest.Buffer
	a, _ := startAgent(t, cfg, agent.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	ready(t, a)
	b.send(sh("r1", "echo one"))
	require.Equal(t, "one\n", b.result("r1").Stdout)

	broker.Stop()
	require.Eventually(t, func() bool { return !a.Status().Connected }, patience, time.Millisecond)
	broker.Reconfigure(accepting("second-s3cret"))
	broker.Start()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "Authorization Violation") }, patience, time.Millisecond)
	require.NoError(t, os.WriteFile(cfg.PasswordFile, []byte("second-s3cret\n"), 0o600))
	require.Eventually(t, func() bool { return a.Status().Connected }, patience, time.Millisecond)
	b.send(sh("r2", "echo two"))
	require.Equal(t, "two\n", b.result("r2").Stdout)
	require.NotContains(t, log.String(), "s3cret")
}

func TestCredentialsAreLookedUpForEachConnection(t *testing.T) {
	broker := jstest.StartBroker(t, accepting("s3cret"))
	var asked atomic.Int64
	a, _ := startAgent(t, newConfig(t, broker.URL()), agent.WithCredentials(agent.LoginFrom(
		func(context.Context) (agent.Login, error) {
			if asked.Add(1) == 1 {
				return agent.Login{}, errors.New("the vault is sealed")
			}
			return agent.Login{User: "agent", Password: "s3cret"}, nil
		})))
	require.Eventually(t, func() bool { return a.Status().Connected }, patience, time.Millisecond)
	before := asked.Load()
	broker.Restart()
	require.Eventually(t, func() bool { return asked.Load() > before && a.Status().Connected }, patience, time.Millisecond)
}

// The connection is the embedder's to close; an agent that goes on without one
// would look healthy and take no command ever again.
func TestAClosedConnectionEndsRun(t *testing.T) {
	broker := jstest.StartBroker(t)
	createStreams(t, broker.Connect())
	nc := broker.Connect()
	cfg := newConfig(t, "")
	cfg.Servers = nil
	a, err := agent.New(cfg, agent.WithNATS(nc), agent.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context()) }()
	ready(t, a)
	nc.Close()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, agent.ErrConnectionClosed)
	case <-time.After(patience):
		require.Fail(t, "Run goes on without a connection")
	}
}

func TestOneAnswerToWhoConnects(t *testing.T) {
	login := agent.Login{Token: "s3cret"}
	cfg := newConfig(t, "nats://127.0.0.1:1")
	cfg.CredsFile = "agent.creds"
	_, err := agent.New(cfg, agent.WithCredentials(login))
	require.ErrorIs(t, err, agent.ErrConfig)
	require.ErrorContains(t, err, "given twice")

	cfg = newConfig(t, "")
	cfg.Servers = nil
	fake := jstest.NewFake()
	_, err = agent.New(cfg, agent.WithCredentials(login), agent.WithTransport(fake.Conn(), fake.JetStream()))
	require.ErrorContains(t, err, "brought along")
	_, err = agent.New(newConfig(t, "nats://127.0.0.1:1"), agent.WithCredentials(nil))
	require.ErrorContains(t, err, "credentials is nil")
}

func TestLoginsThatContradictThemselves(t *testing.T) {
	for name, c := range map[string]struct {
		login agent.Login
		says  string
	}{
		"half a pair":     {agent.Login{User: "u"}, "without the other"},
		"other half":      {agent.Login{PasswordFile: "p"}, "without the other"},
		"token and creds": {agent.Login{Token: "s3cret", CredsFile: "c"}, "more than one kind"},
		"pair and nkey":   {agent.Login{User: "u", Password: "s3cret", NKeyFile: "n"}, "more than one kind"},
		"two tokens":      {agent.Login{Token: "s3cret", TokenFile: "t"}, "token file"},
		"two passwords":   {agent.Login{User: "u", Password: "s3cret", PasswordFile: "p"}, "password file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.login.Options(t.Context())
			require.ErrorIs(t, err, agent.ErrConfig)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
	opts, err := agent.Login{Token: "t", User: "u", Password: "p"}.Options(t.Context())
	require.NoError(t, err, "a fleet that moves from the one to the other has both")
	require.Len(t, opts, 2)
}

func TestServersAndProxiesThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct {
		servers []string
		proxy   agent.Secret
		says    string
	}{
		"token in a URL":     {servers: []string{"http://s3cret@host"}, says: "unknown scheme"},
		"control character":  {servers: []string{"nats://s3cret@host\x1b"}, says: "control characters"},
		"no-break space":     {servers: []string{"nats://s3cret@host\u00a0"}, says: "blanks"},
		"mixed":              {servers: []string{"wss://host", "nats://s3cret@host"}, says: "cannot be mixed"},
		"proxy of a kind":    {servers: []string{"wss://host"}, proxy: "socks5://u:s3cret@host", says: "socks5"},
		"proxy without host": {servers: []string{"wss://host"}, proxy: "proxy:3128", says: "proxy URL"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t, "")
			cfg.Servers, cfg.Proxy = c.servers, c.proxy
			err := cfg.Validate()
			require.ErrorIs(t, err, agent.ErrConfig)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
	cfg := newConfig(t, "wss://host")
	for _, proxy := range []agent.Secret{"", "none", "http://u:s3cret@proxy:3128", "https://proxy"} {
		cfg.Proxy = proxy
		require.NoError(t, cfg.Validate())
	}
	require.NotContains(t, fmt.Sprintf("%+v", cfg), "s3cret")
}

var _ agent.Credentials = agent.Login{}

// ExampleLoginFrom asks a store of the embedder's own before every connection.
func ExampleLoginFrom() {
	store := func(context.Context) (string, error) { return "token of today", nil }
	credentials := agent.LoginFrom(func(ctx context.Context) (agent.Login, error) {
		token, err := store(ctx)
		return agent.Login{Token: agent.Secret(token)}, err
	})
	var options nats.Options
	opts, err := credentials.Options(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, opt := range opts {
		if err := opt(&options); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(options.Token)
	// Output: token of today
}
