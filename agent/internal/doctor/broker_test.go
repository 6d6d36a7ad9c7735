package doctor

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

func TestAnEmptyBroker(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	found := onlyBroker(t.Context(), configFor(t, b.URL()))
	require.Empty(t, at(Fail, found))
	require.Equal(t, []string{
		"streams and buckets: missing: bucket agent_config, bucket agent_groups, bucket jobs, bucket schedules, bucket script_current, " +
			"bucket script_status, object store result_output, object store scripts, stream EVENTS, stream EXEC, stream OBS_EVENTS, stream RESULTS",
	}, at(Warn, found))
}

func TestABrokerWithoutJetStream(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, jstest.WithoutJetStream())
	found := onlyBroker(t.Context(), configFor(t, b.URL()))
	require.Equal(t, []string{"jetstream: it is not there for this account"}, at(Fail, found))
}

func TestABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	const address = "127.0.0.1:1" // a port that was free a moment ago may be another test's broker now
	cfg := configFor(t, "nats://user:sesame@"+address)
	found := onlyBroker(t.Context(), cfg)
	require.Len(t, found, 1)
	require.Equal(t, Fail, found[0].Level)
	require.Contains(t, found[0].Text, "nats://"+address)
	require.NotContains(t, found[0].Text, "sesame")
	require.NotEmpty(t, found[0].Advice)
}

func TestTheServersAreTriedOneByOne(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	cfg := configFor(t, "127.0.0.1:1")
	cfg.Broker.Servers = append(cfg.Broker.Servers, b.URL())
	found := onlyBroker(t.Context(), cfg)
	require.Len(t, at(Fail, found), 1)
	require.Equal(t, OK, find(t, found, "credentials").Level)
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, users("permissions: {}"))
	cfg := configFor(t, b.URL())
	cfg.Broker.Credentials = login{"agent", "sesame"}
	found := onlyBroker(t.Context(), cfg)
	require.Equal(t, OK, find(t, found, "broker").Level)
	require.Equal(t, Fail, find(t, found, "credentials").Level)
	require.Len(t, found, 2)
	require.NotContains(t, found[1].Text, "sesame")
}

// A server that accepts and says nothing costs its time, not for ever.
func TestAServerThatIsSilent(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	cfg := configFor(t, silent.Addr().String())
	cfg.ConnectWait = time.Second
	found := onlyBroker(t.Context(), cfg)
	require.Len(t, found, 1)
	require.Equal(t, Fail, found[0].Level)
}
