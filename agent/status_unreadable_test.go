package agent_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// Nobody answers for a bucket without direct gets, as for one that does not exist;
// but it has rows.
func TestStatusSaysWhichBucketCannotBeRead(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	js := createStreams(t, broker.Connect())
	bucket := wire.BucketStream(wire.BucketScriptStatus)
	stream, err := js.Stream(t.Context(), bucket)
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.AllowDirect = false
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	cfg := newConfig(t, broker.URL())
	_, _ = startAgent(t, cfg)
	fromOutside(t, cfg.StateDir, "it counts as one that is not there", func(got agent.Status) bool {
		return slices.ContainsFunc(got.Problems(), func(p agent.Problem) bool {
			return p.What == "kv "+wire.BucketScriptStatus && strings.Contains(p.Error, "allow_direct") // a busy broker may give no answer at first
		})
	})

	config.AllowDirect = true
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	fromOutside(t, cfg.StateDir, "not healthy again", healthy)
}
