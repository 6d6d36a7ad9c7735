package jstest

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// within is for calls that take milliseconds on an idle machine; without a deadline jetstream gives them 5 s.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestBrokerKeepsDataOverRestartsUntilWiped(t *testing.T) {
	t.Parallel()
	b := StartBroker(t)
	url := b.URL()
	js := b.JetStream()
	_, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	require.NoError(t, err)
	_, err = js.Publish(within(t), "s.a", []byte("1"))
	require.NoError(t, err)

	for name, again := range map[string]func(){
		"restart": b.Restart,
		"kill":    func() { b.Kill(); b.Restart() },
	} {
		again()
		require.Equal(t, url, b.URL(), name)
		s, err := b.JetStream().Stream(within(t), "S")
		require.NoError(t, err, name)
		require.EqualValues(t, 1, s.CachedInfo().State.Msgs, name)
	}

	b.Stop()
	b.Wipe()
	b.Start()
	_, err = b.JetStream().Stream(within(t), "S")
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}

func TestNewBrokerRefusesConnectionsUntilStarted(t *testing.T) {
	t.Parallel()
	b := NewBroker(t)
	_, err := nats.Connect(b.URL())
	refused := errors.Is(err, nats.ErrNoServers) || errors.As(err, new(*net.OpError)) // Windows keeps trying, until the client's limit
	require.True(t, refused, err)

	nc := b.Connect(nats.RetryOnFailedConnect(true))
	require.False(t, nc.IsConnected())
	b.Start()
	require.Eventually(t, nc.IsConnected, time.Minute, 5*time.Millisecond)
}

func TestBrokerPauseAnswersNothingAndKeepsConnections(t *testing.T) {
	t.Parallel()
	b := StartBroker(t)
	nc := b.Connect()
	b.Pause()
	require.ErrorIs(t, nc.FlushTimeout(200*time.Millisecond), nats.ErrTimeout)
	require.True(t, nc.IsConnected())
	b.Resume()
	require.NoError(t, nc.FlushTimeout(time.Minute))
	require.Zero(t, nc.Stats().Reconnects)
}

func TestBrokerOptionsReachTheServer(t *testing.T) {
	t.Parallel()
	b := StartBroker(t, WithoutJetStream(), WithMaxPayload(2048), WithConfig("authorization { token: secret }"))
	_, err := nats.Connect(b.URL(), nats.Timeout(10*time.Second))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	nc := b.Connect(nats.Token("secret"))
	require.EqualValues(t, 2048, nc.MaxPayload())
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.AccountInfo(within(t))
	require.ErrorIs(t, err, jetstream.ErrJetStreamNotEnabled)
}

func TestBrokersGetPortsOfTheirOwn(t *testing.T) {
	t.Parallel()
	a, b := NewBroker(t), NewBroker(t)
	require.NotEqual(t, a.URL(), b.URL())
	_, err := listen(a.port.number + 1)
	require.Error(t, err, "the lease of a is not visible to other processes")
}

func TestServerFromEnvironmentMustExist(t *testing.T) {
	t.Setenv(serverEnv, "no/such/nats-server")
	_, err := findServer()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, serverEnv)
}

func TestInstallEnvDropsTheBuildOfTheTests(t *testing.T) {
	t.Parallel()
	got := installEnv([]string{"HOME=/h", "GOFLAGS=-mod=vendor", "GOOS=windows", "GOWORK=/w", "GOPROXY=p"}, "/bin")
	require.Equal(t, []string{"HOME=/h", "GOPROXY=p", "GOBIN=/bin", "GOWORK=off", "GOFLAGS=-trimpath", "CGO_ENABLED=0"}, got)
}
