package settings

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// muteFor is a broker where one bucket has no leader.
type muteFor struct {
	Rows
	bucket string
}

func (r muteFor) ReadKey(ctx context.Context, bucket, key string) (retry.KVAnswer, error) {
	if bucket == r.bucket {
		<-ctx.Done()
		return retry.KVAnswer{}, ctx.Err()
	}
	return r.Rows.ReadKey(ctx, bucket, key)
}

// half is a host where the leader of one bucket is silent, and known to be so.
func half(t *testing.T, silent string, test func(t *testing.T, b *bench)) {
	t.Helper()
	run(t, nil, func(t *testing.T, b *bench) {
		b.put(b.bucket("script_current"), "a", "2") // news that no view has yet
		b.put(b.bucket("script_status"), "b", "ACTIVE")
		b.see("script_current", 1, "a", "1")
		b.see("script_status", 1, "b", "REVOKED")
		for _, m := range b.mirrors() {
			m.source = muteFor{retry.NewKVReader(b.fake.Conn()), silent}
		}
		b.Scripts().Ask(t.Context(), "b", "1")
		b.Scripts().Ask(t.Context(), "a", "2")
		test(t, b)
	})
}

// The leaders of two buckets are different servers.
func TestASilentBucketKeepsNobodyFromAskingTheOther(t *testing.T) {
	half(t, "script_status", func(t *testing.T, b *bench) {
		began := time.Now()
		want := wire.ScriptState{Known: true, Pinned: true, Version: "2", Final: true}
		require.Equal(t, want, b.Scripts().Ask(t.Context(), "a", "2"), "its pin is news that the leader has")
		require.Equal(t, began, time.Now())
	})
}

// A command is not refused for good by a view that nobody was asked about.
func TestARefusalThatWasNotAskedForIsNotFinal(t *testing.T) {
	for name, c := range map[string]struct{ silent, job, version string }{
		"revocation": {"script_status", "b", "1"},
		"pin":        {"script_current", "a", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			half(t, c.silent, func(t *testing.T, b *bench) {
				state := b.Scripts().Ask(t.Context(), c.job, c.version)
				require.True(t, state.Refuses(c.version))
				require.False(t, state.Final)
				require.True(t, b.Scripts().Ask(t.Context(), "c", "1").Final, "nothing speaks against this one")
				for _, m := range b.mirrors() {
					m.source = retry.NewKVReader(b.fake.Conn())
				}
				time.Sleep(askPause)
				state = b.Scripts().Ask(t.Context(), c.job, c.version)
				require.True(t, state.Final)
				require.False(t, state.Refuses(c.version))
			})
		})
	}
}

// What is stale is not final either: strict commands are refused for its age.
func TestAStaleViewThatWasNotAskedForIsNotFinal(t *testing.T) {
	half(t, "script_status", func(t *testing.T, b *bench) {
		b.seeStale("script_status", time.Now().Add(-time.Hour), 1, "b", "REVOKED")
		state := b.Scripts().Ask(t.Context(), "c", "1")
		require.Greater(t, state.Age, time.Hour-time.Second)
		require.False(t, state.Final)
		b.connect(false)
		require.True(t, b.Scripts().Ask(t.Context(), "c", "1").Final, "nobody can be asked")
	})
}

// A bucket that never answers holds no command for ever: when it has been silent
// for longer than an election, the last known answer counts.
func TestALongSilenceHoldsNoCommand(t *testing.T) {
	half(t, "script_status", func(t *testing.T, b *bench) {
		began := time.Now()
		for !b.Scripts().Ask(t.Context(), "b", "1").Final {
			time.Sleep(askPause)
			b.scripts.status.outage.note(b.scripts.status.ask(withDeadline(t), "d"))
			require.Less(t, time.Since(began), 2*unansweredFor)
		}
		require.GreaterOrEqual(t, time.Since(began), unansweredFor-2*(askTime+askPause))
		time.Sleep(time.Hour)
		require.True(t, b.Scripts().Ask(t.Context(), "b", "1").Final, "it was asked for, in vain")
		require.False(t, b.Scripts().Ask(t.Context(), "b", "1").Final, "a silence of hours ago counts no more")
	})
}

func withDeadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), askTime)
	t.Cleanup(cancel)
	return ctx
}
