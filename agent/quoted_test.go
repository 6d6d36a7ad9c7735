package agent_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

func TestAnErrorRepeatsNoHugeValue(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("é", 1<<19)
	for name, change := range map[string]func(*agent.Config){
		"id":           func(c *agent.Config) { c.ID = huge },
		"state folder": func(c *agent.Config) { c.StateDir = huge },
		"scheme":       func(c *agent.Config) { c.Servers = []string{strings.Repeat("x", 1<<20) + "://h"} },
	} {
		cfg := newConfig(t, "nats://127.0.0.1:1")
		change(&cfg)
		err := cfg.Validate()
		require.ErrorIs(t, err, agent.ErrConfig, name)
		require.ErrorContains(t, err, name, "what is wrong")
		require.ErrorContains(t, err, "…", name)
		require.Less(t, len(err.Error()), 1<<10, name)
	}
	cfg := newConfig(t, "nats://127.0.0.1:1")
	cfg.ID = strings.Repeat("x", 64) + "*"
	require.ErrorContains(t, cfg.Validate(), `id "`+strings.Repeat("x", 64)+`…"`)
	cfg.ID = strings.Repeat("x", 63) + "*"
	require.ErrorContains(t, cfg.Validate(), `id "`+cfg.ID+`"`, "what is short is repeated as it is")
}
