package natskit

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
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// rotation is one kind of credentials, twice: what the broker is told to
// accept, and what is written into the agent's files.
type rotation struct {
	source Source
	tls    TLSFiles
	accept func(t *testing.T, generation int) string
	write  func(t *testing.T, generation int)
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func tokenRotation(t *testing.T) rotation {
	file := filepath.Join(t.TempDir(), "token")
	return rotation{
		source: Login{TokenFile: file},
		accept: func(_ *testing.T, n int) string { return fmt.Sprintf(`authorization { token: "token-%d" }`, n) },
		write:  func(t *testing.T, n int) { put(t, file, fmt.Sprintf("token-%d\n", n)) },
	}
}

func passwordRotation(t *testing.T) rotation {
	file := filepath.Join(t.TempDir(), "password")
	return rotation{
		source: Login{User: "agent", PasswordFile: file},
		accept: func(_ *testing.T, n int) string {
			return fmt.Sprintf(`authorization { users: [{user: agent, password: "password-%d"}] }`, n)
		},
		write: func(t *testing.T, n int) { put(t, file, fmt.Sprintf("password-%d\r\n", n)) },
	}
}

// nkeyRotation changes the public key too, for which nats.go has no callback.
func nkeyRotation(t *testing.T) rotation {
	file := filepath.Join(t.TempDir(), "seed")
	users := [2]nkeys.KeyPair{newKey(t, nkeys.PrefixByteUser), newKey(t, nkeys.PrefixByteUser)}
	return rotation{
		source: Login{NKeyFile: file},
		accept: func(t *testing.T, n int) string {
			return fmt.Sprintf(`authorization { users: [{nkey: %q}] }`, public(t, users[n]))
		},
		write: func(t *testing.T, n int) { put(t, file, seed(t, users[n])) },
	}
}

func credsRotation(t *testing.T) rotation {
	file := filepath.Join(t.TempDir(), "agent.creds")
	operators := [2]*operator{newOperator(t), newOperator(t)}
	return rotation{
		source: Login{CredsFile: file},
		accept: func(_ *testing.T, n int) string { return operators[n].config },
		write:  func(t *testing.T, n int) { put(t, file, operators[n].userCreds(t)) },
	}
}

// certificateRotation: the broker trusts another authority for its clients.
func certificateRotation(t *testing.T) rotation {
	dir := t.TempDir()
	server, client := filepath.Join(dir, "server"), filepath.Join(dir, "client")
	trusted := newAuthority(t, t.TempDir())
	trusted.issue(t, server)
	clients := [2]*authority{newAuthority(t, t.TempDir()), newAuthority(t, t.TempDir())}
	return rotation{
		tls:    TLSFiles{CA: trusted.file, Cert: client + ".pem", Key: client + ".key"},
		accept: func(_ *testing.T, n int) string { return verifying(clients[n].file, server) },
		write:  func(t *testing.T, n int) { clients[n].issue(t, client) },
	}
}

// authorityRotation: the broker's own certificate comes from another authority.
func authorityRotation(t *testing.T) rotation {
	file := filepath.Join(t.TempDir(), "ca.pem")
	authorities := [2]*authority{newAuthority(t, t.TempDir()), newAuthority(t, t.TempDir())}
	return rotation{
		tls: TLSFiles{CA: file},
		accept: func(t *testing.T, n int) string {
			server := filepath.Join(t.TempDir(), "server")
			authorities[n].issue(t, server)
			return fmt.Sprintf(`tls { cert_file: %q, key_file: %q }`, filepath.ToSlash(server+".pem"), filepath.ToSlash(server+".key"))
		},
		write: func(t *testing.T, n int) {
			pem, err := os.ReadFile(authorities[n].file)
			require.NoError(t, err)
			put(t, file, string(pem))
		},
	}
}

var rotations = map[string]func(*testing.T) rotation{
	"token": tokenRotation, "password": passwordRotation, "nkey": nkeyRotation, "creds": credsRotation,
	"client certificate": certificateRotation, "authority": authorityRotation,
}

// The connection is made before there is any file, lives through a broker that
// accepts other credentials, and comes back when the files have those.
func TestRotatedCredentialsCountWithoutARestart(t *testing.T) {
	t.Parallel()
	for name, make := range rotations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := make(t)
			broker := jstest.StartBroker(t, jstest.WithoutJetStream(), jstest.WithConfig(r.accept(t, 0)))
			var log logtest.Buffer
			nc := dial(t, Options{
				Servers: []string{broker.URL()}, Credentials: r.source, TLS: r.tls,
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			require.Eventually(t, func() bool { return strings.Contains(log.String(), "credentials: ") }, patience, time.Millisecond)
			r.write(t, 0)
			requireConnected(t, nc)
			broker.Stop()
			requireLost(t, nc)
			broker.Reconfigure(jstest.WithoutJetStream(), jstest.WithConfig(r.accept(t, 1)))
			broker.Start()
			require.Eventually(t, func() bool {
				said := strings.ToLower(log.String())
				return strings.Contains(said, "authorization violation") || strings.Contains(said, "certificate")
			}, patience, time.Millisecond, "the old ones are refused")
			require.False(t, nc.IsConnected())
			r.write(t, 1)
			requireConnected(t, nc)
			require.False(t, nc.IsClosed())
		})
	}
}

func TestWrongCredentialsAreTriedForEver(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(`authorization { users: [{user: agent, password: "s3cret"}] }`))
	for name, wrong := range map[string]Source{
		"none": nil, "token": Login{Token: "wrong"}, "password": Login{User: "agent", Password: "wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := &counting{Source: wrong}
			nc := dial(t, Options{Servers: []string{broker.URL()}, Credentials: asked})
			requireRefused(t, nc)
			require.Eventually(t, func() bool { return asked.times.Load() > 4 }, patience, time.Millisecond,
				"nats.go alone ends after the second refusal")
			require.False(t, nc.IsClosed())
		})
	}
}

type counting struct {
	Source
	times atomic.Int64
}

func (c *counting) Options(ctx context.Context) ([]nats.Option, error) {
	c.times.Add(1)
	if c.Source == nil {
		return nil, nil
	}
	return c.Source.Options(ctx)
}

// A fleet that moves from the token to users has both on its hosts. The broker
// takes one kind at a time.
func TestTheUserComesFirstAndTheTokenWhenItIsRefused(t *testing.T) {
	t.Parallel()
	const token, users = `authorization { token: "token" }`, `authorization { users: [{user: agent, password: "password"}] }`
	broker := jstest.StartBroker(t, jstest.WithConfig(token))
	nc := dial(t, Options{Servers: []string{broker.URL()}, Credentials: Login{Token: "token", User: "agent", Password: "password"}})
	requireConnected(t, nc)
	for _, config := range []string{users, token, users} {
		broker.Stop()
		requireLost(t, nc)
		broker.Reconfigure(jstest.WithConfig(config))
		broker.Start()
		requireConnected(t, nc)
	}
}

type sourceFunc func(context.Context) ([]nats.Option, error)

func (f sourceFunc) Options(ctx context.Context) ([]nats.Option, error) { return f(ctx) }

func TestASourceThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(`authorization { token: "token" }`))
	var log logtest.Buffer
	var asked atomic.Int64
	nc := dial(t, Options{
		Servers: []string{broker.URL()}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Credentials: sourceFunc(func(ctx context.Context) ([]nats.Option, error) {
			if _, limited := ctx.Deadline(); !limited {
				return nil, errors.New("no deadline")
			}
			if asked.Add(1) < 3 {
				return nil, errors.New("the vault is sealed")
			}
			return []nats.Option{nats.TokenHandler(func() string { return "token" })}, nil
		}),
	})
	requireConnected(t, nc)
	require.Equal(t, 1, log.Count("the vault is sealed"), "once a row")
}

func TestLoginNamesTheFile(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	empty := filepath.Join(t.TempDir(), "empty")
	large := filepath.Join(t.TempDir(), "large")
	put(t, empty, " \n")
	put(t, large, strings.Repeat("x", maxSecretBytes+1))
	for name, c := range map[string]struct {
		login Login
		says  string
	}{
		"missing token":    {Login{TokenFile: missing}, missing},
		"empty token":      {Login{TokenFile: empty}, empty},
		"large token":      {Login{TokenFile: large}, large},
		"missing password": {Login{User: "u", PasswordFile: missing}, missing},
		"missing seed":     {Login{NKeyFile: missing}, missing},
		"empty seed":       {Login{NKeyFile: empty}, empty},
		"missing creds":    {Login{CredsFile: missing}, missing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.login.Options(t.Context())
			require.ErrorContains(t, err, c.says)
		})
	}
	for name, c := range map[string]struct {
		files TLSFiles
		says  string
	}{
		"missing ca":          {TLSFiles{CA: missing}, missing},
		"ca without pem":      {TLSFiles{CA: empty}, "no PEM"},
		"missing certificate": {TLSFiles{Cert: missing, Key: empty}, missing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.files.options(t.Context())
			require.ErrorContains(t, err, c.says)
		})
	}
}
