package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A broker that takes some of the subscriptions only does not say which: an agent
// that hears no commands or no replies is not healthy.
func TestStatusSaysThatTheBrokerRefusesSubscriptionsForTheirNumber(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithConfig(`max_subscriptions: 6`))
	createStreams(t, broker.Connect())
	cfg := newConfig(t, broker.URL())
	_, _ = startAgent(t, cfg)
	got := fromOutside(t, cfg.StateDir, "no refusal", func(got agent.Status) bool {
		return got.Connected && !resource(got, "subscriptions").WaitingSince.IsZero()
	})
	require.WithinRange(t, resource(got, "subscriptions").WaitingSince, got.StartedAt, got.At.Add(time.Second)) // the time is taken first
	problems := got.Problems()
	i := slices.IndexFunc(problems, func(p agent.Problem) bool { return p.What == "subscriptions" })
	require.GreaterOrEqual(t, i, 0)
	require.Contains(t, problems[i].Error, "maximum subscriptions exceeded")
	require.Contains(t, problems[i].Advice, "limit")
}
