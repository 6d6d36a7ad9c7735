package agent

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

func refusal(subject string, subscribe bool) retry.Denial {
	return retry.Denial{Subject: subject, Subscribe: subscribe, Err: nats.ErrPermissionViolation}
}

// wrong is what an agent that only has these reports says is wrong with it.
func (n *denialNotes) wrong() (what []string) {
	s := Status{Running: true, Connected: true, Ready: true, Ledger: LedgerStatus{Writable: true}}
	s.Resources, _ = resources(n.board)
	for _, p := range s.Problems() {
		what = append(what, p.What)
	}
	return what
}

func (n *denialNotes) count() int { return len(n.board.Resources()) }

func runNotes(t *testing.T, test func(*denialNotes, *jstest.Fake)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n, fake := newDenialNotes(health.NewBoard(time.Now)), jstest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); n.follow(ctx, fake.Conn()) }()
		synctest.Wait()
		test(n, fake)
		cancel()
		<-ended
	})
}

func TestTheEndOfARefusal(t *testing.T) {
	const long = 24 * time.Hour
	for name, c := range map[string]struct {
		refused retry.Denial
		end     func(*denialNotes, *jstest.Fake)
		wrong   bool // while it is refused
		stays   bool // after the end
	}{
		"a subscription of commands that was made anew": {
			refused: refusal("kill.*", true), wrong: true,
			end: func(n *denialNotes, _ *jstest.Fake) { time.Sleep(long); n.settled("kill.*") },
		},
		"another one was": {
			refused: refusal("kill.*", true), wrong: true, stays: true,
			end: func(n *denialNotes, _ *jstest.Fake) { n.settled("commands.all"); time.Sleep(long) },
		},
		"a publish that was not refused again": {
			refused: refusal("heartbeat.pc-1", false), wrong: true,
			end: func(*denialNotes, *jstest.Fake) { time.Sleep(denialMemory) },
		},
		"a publish that was": {
			refused: refusal("heartbeat.pc-1", false), wrong: true, stays: true,
			end: func(n *denialNotes, _ *jstest.Fake) {
				for range 10 {
					time.Sleep(denialMemory / 2)
					n.add(refusal("heartbeat.pc-1", false))
				}
			},
		},
		"a hint": {
			refused: refusal("$KV.agent_config.global", true),
			end:     func(*denialNotes, *jstest.Fake) { time.Sleep(denialMemory) },
		},
		"a hint, soon": {
			refused: refusal("$KV.agent_config.global", true), stays: true,
			end: func(*denialNotes, *jstest.Fake) { time.Sleep(denialMemory - time.Second) },
		},
		"execution IDs with dots": {
			refused: refusal("kill.*.>", true), stays: true,
			end: func(*denialNotes, *jstest.Fake) { time.Sleep(long) },
		},
		"another connection": {
			refused: refusal("kill.*", true), wrong: true,
			end: func(_ *denialNotes, f *jstest.Fake) { f.Disconnect(); synctest.Wait(); f.Reconnect() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			runNotes(t, func(n *denialNotes, f *jstest.Fake) {
				n.add(c.refused)
				n.add(c.refused)
				require.Equal(t, 1, n.count())
				require.Equal(t, c.wrong, len(n.wrong()) > 0)
				c.end(n, f)
				synctest.Wait()
				require.Equal(t, c.stays, n.count() > 0)
			})
		})
	}
}

func TestRefusalsLeaveRoomForWhatIsWaitedFor(t *testing.T) {
	runNotes(t, func(n *denialNotes, _ *jstest.Fake) {
		for i := range 10 * health.MaxResources {
			n.add(refusal(fmt.Sprintf("results.%d", i), false))
		}
		require.Equal(t, health.MaxResources/2, n.count())
		require.Zero(t, n.board.Missed())
		time.Sleep(denialMemory)
		synctest.Wait()
		require.Zero(t, n.count())
	})
}
