package natskit

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry/jstest"
)

// Between the loss and the moment Run notes it, Offline counts from the connect:
// a strict command is skipped as stale although the connection is gone for 0 s.
func TestOfflineDoesNotCountFromTheConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		link := NewLink(fake.Conn(), nil)
		link.note(true)
		time.Sleep(72 * time.Hour)
		fake.Disconnect() // and Run has not been scheduled yet
		require.Less(t, link.Offline(), time.Minute)
	})
}

// A broker that cannot be reached from the start on (refused, wrong CA, wrong
// host) leaves no word of why in the log.
func TestAFailedFirstConnectIsLogged(t *testing.T) {
	var log logtest.Buffer
	nc, err := Dial(Options{
		Servers: []string{"nats://127.0.0.1:1"}, Name: "x",
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	defer nc.Close()
	require.Eventually(t, func() bool { return len(log.String()) > 0 }, patience, 10*time.Millisecond)
}

// The same with a wrong password: whatever else, it must be said.
func TestAWrongPasswordAtTheStartIsLogged(t *testing.T) {
	broker := jstest.StartBroker(t, jstest.WithConfig(`authorization { token: "right" }`))
	var log logtest.Buffer
	nc, err := Dial(Options{
		Servers: []string{broker.URL()}, Name: "x", Credentials: Login{Token: "wr0ng-secret"},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	defer nc.Close()
	require.Eventually(t, func() bool { return len(log.String()) > 0 }, patience, 10*time.Millisecond)
	require.NotContains(t, log.String(), "wr0ng-secret")
}
