package agent

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// A disk of unknown size is no reason not to start.
func TestADiskOfUnknownSizeHasNoFloor(t *testing.T) {
	var log bytes.Buffer
	a := &Agent{log: slog.New(slog.NewTextHandler(&log, nil))}
	require.Positive(t, a.diskFloor(t.TempDir()))
	require.Empty(t, log.String())
	require.Zero(t, a.diskFloor(filepath.Join(t.TempDir(), "missing")))
	require.Contains(t, log.String(), "level=WARN")
}

// A refusal of a request ID that was accepted later goes before that command has
// ended.
func TestARefusalDoesNotWaitForTheCommand(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ledger, _, err := command.OpenLedger(atomicfile.OS, dir, "PC-1", time.Now)
		require.NoError(t, err)
		defer func() { require.NoError(t, ledger.Close()) }()
		require.NoError(t, ledger.Record([]command.Admission{{Key: ledger.KeyOf("r"), Body: []byte("body")}}))
		hook := afterFinish(ledger, "PC-1")
		waits := func(msgID string) time.Duration {
			began := time.Now()
			err := hook(t.Context(), outbox.Record{Name: "r", MsgID: msgID})
			if took := time.Since(began); took > 0 {
				require.Error(t, err)
				return took
			}
			require.NoError(t, err)
			return 0
		}
		require.Zero(t, waits(wire.RefusalID("r", "PC-1")))
		require.Zero(t, waits(wire.ResultID("r", "PC-2")), "of the host that had the folder before")
		require.Equal(t, closeWait, waits(wire.ResultID("r", "PC-1")))
	})
}
