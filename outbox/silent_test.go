package outbox

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry/jstest"
)

// Somebody listens to the subject, so that no publish is refused, but no stream
// stores it and nobody answers. What is put meanwhile is published all the same,
// at once, whatever the backlog.
func TestSilenceDoesNotHoldUpWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for i := range 2000 {
			name := filepath.Join(dir, fmt.Sprintf("old-%04d.json", i))
			require.NoError(t, os.WriteFile(name, []byte(`{"subject":"silent.old","msg_id":"`+fmt.Sprint(i)+`","data":"eA=="}`), 0o600))
		}
		fake := jstest.NewFake()
		seen := map[string]time.Time{}
		sub, err := fake.Conn().Subscribe("silent.>", 1<<16, func(m *nats.Msg) {
			if _, again := seen[m.Subject]; !again {
				seen[m.Subject] = time.Now()
			}
		})
		require.NoError(t, err)
		box := openBox(t, dir, WithTransport(fake.Conn()))
		ended := make(chan error)
		go func() { ended <- box.Drain(t.Context(), fake.JetStream()) }()
		for i := range 300 {
			time.Sleep(2 * time.Second)
			subject := fmt.Sprintf("silent.new-%d", i)
			began := time.Now()
			require.NoError(t, box.Put(t.Context(), Record{Subject: subject, Data: []byte("x")}))
			synctest.Wait()
			require.Contains(t, seen, subject)
			require.Zero(t, seen[subject].Sub(began), subject)
		}
		require.NoError(t, box.Close())
		require.ErrorIs(t, <-ended, ErrClosed)
		require.NoError(t, sub.Stop())
	})
}
