package natskit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

const patience = 60 * time.Second

var discard = slog.New(slog.DiscardHandler)

func dial(t *testing.T, o Options) *nats.Conn {
	t.Helper()
	o.Logger = discard
	nc, err := Dial(o)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func requireConnected(t *testing.T, nc *nats.Conn) {
	t.Helper()
	require.Eventually(t, nc.IsConnected, patience, time.Millisecond, "last error: %v", nc.LastError())
}

func TestDialReturnsAtOnceAndConnectsLater(t *testing.T) {
	broker := jstest.NewBroker(t)
	nc := dial(t, Options{Servers: []string{broker.URL()}, Name: "kanade-agent/PC-1"})
	require.False(t, nc.IsConnected())
	broker.Start()
	requireConnected(t, nc)
	broker.Kill()
	require.Eventually(t, func() bool { return !nc.IsConnected() }, patience, time.Millisecond)
	broker.Start()
	requireConnected(t, nc)
}

func TestCredentials(t *testing.T) {
	user, err := nkeys.CreateUser()
	require.NoError(t, err)
	seed, err := user.Seed()
	require.NoError(t, err)
	public, err := user.PublicKey()
	require.NoError(t, err)
	seedFile := filepath.Join(t.TempDir(), "seed")
	require.NoError(t, os.WriteFile(seedFile, seed, 0o600))

	for name, c := range map[string]struct {
		config string
		good   Options
		bad    Options
	}{
		"token": {
			config: `authorization { token: "s3cret" }`,
			good:   Options{Token: "s3cret"}, bad: Options{Token: "wrong"},
		},
		"user and password": {
			config: `authorization { users: [{user: agent, password: "s3cret"}] }`,
			good:   Options{User: "agent", Password: "s3cret"}, bad: Options{User: "agent", Password: "wrong"},
		},
		"nkey": {
			config: fmt.Sprintf(`authorization { users: [{nkey: %q}] }`, public),
			good:   Options{NKeyFile: seedFile}, bad: Options{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			broker := jstest.StartBroker(t, jstest.WithConfig(c.config)).URL()
			c.good.Servers, c.bad.Servers = []string{broker}, []string{broker}
			requireConnected(t, dial(t, c.good))

			refused := dial(t, c.bad)
			require.Eventually(t, func() bool {
				err := refused.LastError() // it comes and goes
				return err != nil && strings.Contains(strings.ToLower(err.Error()), "authorization")
			}, patience, time.Millisecond)
			require.True(t, refused.Opts.IgnoreAuthErrorAbort)
			require.False(t, refused.IsClosed(), "credentials can be mended at the broker")
		})
	}
}

func TestOptionsThatCannotWorkAreErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, c := range map[string]struct {
		o    Options
		says string
	}{
		"missing seed":        {Options{NKeyFile: missing}, missing},
		"empty seed":          {Options{NKeyFile: empty}, empty},
		"missing creds":       {Options{CredsFile: missing}, missing},
		"missing ca":          {Options{CAFile: missing}, missing},
		"ca without pem":      {Options{CAFile: empty}, "no PEM"},
		"missing certificate": {Options{CertFile: missing, KeyFile: empty}, missing},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Servers, c.o.Logger = []string{"nats://127.0.0.1:1"}, discard
			_, err := Dial(c.o)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestTLSWithAClientCertificate(t *testing.T) {
	dir := t.TempDir()
	ca, server, client := newAuthority(t, dir), filepath.Join(dir, "server"), filepath.Join(dir, "client")
	ca.issue(t, server)
	ca.issue(t, client)
	broker := jstest.StartBroker(t, jstest.WithConfig(fmt.Sprintf(
		`tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }`, server+".pem", server+".key", ca.file))).URL()
	requireConnected(t, dial(t, Options{
		Servers: []string{broker}, CAFile: ca.file, CertFile: client + ".pem", KeyFile: client + ".key",
	}))
	stranger := dial(t, Options{Servers: []string{broker}, CAFile: ca.file})
	require.Eventually(t, func() bool { return stranger.LastError() != nil }, patience, time.Millisecond)
	require.False(t, stranger.IsConnected())
}

func TestSecretsAreNotLogged(t *testing.T) {
	broker := jstest.StartBroker(t)
	var logged syncBuffer
	o := Options{
		Servers: []string{strings.Replace(broker.URL(), "nats://", "nats://agent:s3cret@", 1)},
		Logger:  slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	nc, err := Dial(o)
	require.NoError(t, err)
	requireConnected(t, nc)
	broker.Stop()
	require.Eventually(t, func() bool { return !nc.IsConnected() }, patience, time.Millisecond)
	nc.Close()
	require.NotContains(t, logged.String(), "s3cret")
}

func TestReconnectDelayIsJitteredAndBounded(t *testing.T) {
	require.Zero(t, reconnectDelay(1))
	for attempt := 2; attempt < 100; attempt++ {
		d := reconnectDelay(attempt)
		require.LessOrEqual(t, d, reconnectMax)
		require.Positive(t, d)
	}
}

// authority is a certificate authority of the test's own.
type authority struct {
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{file: filepath.Join(dir, "ca.pem"), cert: cert, key: key}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func (a *authority) issue(t *testing.T, name string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: filepath.Base(name)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	writePEM(t, name+".pem", "CERTIFICATE", der)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	writePEM(t, name+".key", "PRIVATE KEY", private)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
