package doctor

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

func TestAHealthyHost(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	everything(t, b.JetStream())
	cfg := configFor(t, b.URL())
	cfg.LogFile = filepath.Join(cfg.StateDir, "logs", "agent.log") // a folder that is made with the first line
	found := slices.Collect(Check(t.Context(), cfg))
	require.Empty(t, at(Fail, found))
	warned := slices.DeleteFunc(at(Warn, found), func(text string) bool {
		return strings.HasPrefix(text, "state folder: ") && strings.Contains(text, "sync and rename took") // the disk is busy with the tests
	})
	require.Empty(t, warned)
	for _, check := range []string{"state folder", "log folder", "disk", "agent", "staging", "shells", "broker", "credentials", "permission", "permissions", "clock", "streams and buckets"} {
		require.NotEmpty(t, find(t, found, check).Text)
	}
	require.Contains(t, at(OK, found), "permissions: none is known to be missing")
}

func TestItEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Empty(t, slices.Collect(Check(ctx, configFor(t, "127.0.0.1:1"))))
	for range Check(t.Context(), configFor(t, "127.0.0.1:1")) {
		break // and when nobody listens any more
	}
}
