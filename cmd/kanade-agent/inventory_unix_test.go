//go:build unix

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// The program publishes what its child finds: everything once, a full set in the
// stream although nobody configured anything but the spread.
func TestTheProgramPublishesTheInventory(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t)
	js := b.JetStream()
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "INVENTORY", Subjects: []string{"inventory.>"}})
	require.NoError(t, err)
	settings, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "agent_config"})
	require.NoError(t, err)
	_, err = settings.PutString(t.Context(), "global", `{"inventory_jitter":"0s"}`)
	require.NoError(t, err)
	p := start(t, nil, "--nats-url", b.URL(), "--id", "till-3", "--data-dir", filepath.Join(t.TempDir(), "state"))
	for _, section := range []string{"os", "hardware", "disk", "net", "hw", "problems"} {
		require.Eventually(t, func() bool {
			_, err := stream.GetLastMsgForSubject(t.Context(), "inventory.till-3."+section)
			return err == nil
		}, patience, 20*time.Millisecond, section)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), "inventory.till-3.hw")
	require.NoError(t, err)
	var hw struct {
		PCID string `json:"pc_id"`
		RAM  uint64 `json:"ram_bytes"`
	}
	require.NoError(t, json.Unmarshal(m.Data, &hw))
	require.Equal(t, "till-3", hw.PCID)
	require.Positive(t, hw.RAM)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.end(t))
	require.NotContains(t, strings.ToLower(p.stdout.String()), "nothing of this host could be found out")
}
