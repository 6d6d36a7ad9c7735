package intake

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/subscribed/denytest"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// settledSubjects are those whose refusal is over.
type settledSubjects struct {
	mu       sync.Mutex
	subjects []string
}

func (s *settledSubjects) add(subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subjects = append(s.subjects, subject)
}

func (s *settledSubjects) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.subjects)
}

// runDenied runs the sources over a transport that refuses subjects.
func runDenied(t *testing.T, member *membership, no []string, test func(*testing.T, *bench, *denytest.Transport, *settledSubjects, *bytes.Buffer)) {
	t.Helper()
	var denied *denytest.Transport
	var settled settledSubjects
	var text bytes.Buffer
	set := func(b *bench) {
		denied = denytest.New(b.fake.Conn(), no...)
		b.live.Transport, b.live.Settled = denied, settled.add
		b.live.Logger = slog.New(slog.NewTextHandler(&text, nil)) // it locks
	}
	runSet(t, member, set, func(t *testing.T, b *bench) { test(t, b, denied, &settled, &text) })
	if denied != nil {
		_, open := denied.Total()
		require.Zero(t, open, "a drain ends all")
		require.Zero(t, denied.Listeners(), "nobody listens to refusals any more")
	}
}

func TestARefusedSubscriptionIsMadeAnewWhenItIsGranted(t *testing.T) {
	kill := wire.KillFilters()[0]
	group := wire.CommandsGroup("canary")
	runDenied(t, newMembership("canary"), []string{kill, group}, func(t *testing.T, b *bench, denied *denytest.Transport, settled *settledSubjects, text *bytes.Buffer) {
		time.Sleep(time.Hour)
		if _, open := denied.Count(kill); open > 1 { // an attempt is judged, for a second; the next is long in coming
			time.Sleep(2 * time.Second)
		}
		b.publish(wire.KillSubject("lost"), "")
		b.publish(group, "lost")
		made, open := denied.Count(kill)
		require.InDelta(t, 60, made, 20, "once a minute, after a quick start")
		require.Equal(t, 1, open)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(text.String(), "subject="+kill), text.String())
		require.Equal(t, 1, strings.Count(text.String(), "subject="+group), text.String())
		require.Empty(t, settled.all())

		denied.Set(kill, false)
		denied.Set(group, false)
		time.Sleep(2 * time.Minute)
		b.publish(wire.KillSubject("heard"), "")
		b.publish(group, "heard")
		b.mu.Lock()
		require.Equal(t, []string{"heard"}, b.killed)
		b.mu.Unlock()
		require.Equal(t, []string{"heard live"}, names(b.settled()))
		require.ElementsMatch(t, []string{group, kill}, settled.all())
		require.Equal(t, 2, strings.Count(text.String(), "subject="+kill), "it is told that it works again, once")

		before, _ := denied.Total()
		time.Sleep(24 * time.Hour)
		made, open = denied.Total()
		require.Equal(t, before, made, "nothing at rest")
		require.Equal(t, 5, open)

		denied.Set(kill, true) // taken away from a connection that stands, as a reload does
		denied.Deny(retry.Denial{Subject: kill, Subscribe: true, Err: nats.ErrPermissionViolation})
		time.Sleep(time.Minute)
		denied.Set(kill, false)
		time.Sleep(2 * time.Minute)
		require.ElementsMatch(t, []string{group, kill, kill}, settled.all())
	})
}

func TestARefusedGroupThatIsLeftIsNotTriedAgain(t *testing.T) {
	group := wire.CommandsGroup("canary")
	for name, beforehand := range map[string]func(*denytest.Transport){
		"between two attempts": func(*denytest.Transport) { time.Sleep(time.Second) }, // the first comes after 1.5 s at the earliest
		"in the second in which an attempt is judged": func(denied *denytest.Transport) {
			for made := 1; made == 1; made, _ = denied.Count(group) {
				time.Sleep(10 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			member := newMembership("canary")
			runDenied(t, member, []string{group}, func(t *testing.T, _ *bench, denied *denytest.Transport, settled *settledSubjects, _ *bytes.Buffer) {
				beforehand(denied)
				member.set()
				time.Sleep(time.Minute)
				before, open := denied.Count(group)
				require.Zero(t, open)
				// An attempt that is judged after the end of the subscription tells of it again.
				require.Equal(t, []string{group}, slices.Compact(settled.all()))
				time.Sleep(time.Hour)
				made, _ := denied.Count(group)
				require.Equal(t, before, made)
			})
		})
	}
}

// A group that is left while the broker is still asked about its subscription.
func TestAGroupThatIsLeftWhileItIsJoined(t *testing.T) {
	group := wire.CommandsGroup("canary")
	member := newMembership()
	runDenied(t, member, nil, func(t *testing.T, b *bench, denied *denytest.Transport, _ *settledSubjects, _ *bytes.Buffer) {
		time.Sleep(time.Second)
		denied.OnFlush = func() { time.Sleep(time.Second) }
		member.set("canary")
		time.Sleep(time.Second / 2)
		member.set()
		b.publish(group, "1")
		time.Sleep(2 * time.Second)
		b.publish(group, "2")
		require.Empty(t, b.taken())
		groups, _ := b.live.Joined()
		require.Empty(t, groups)
		_, open := denied.Count(group)
		require.Zero(t, open)
	})
}

func TestADisconnectedHostTriesNothing(t *testing.T) {
	kill := wire.KillFilters()[0]
	runDenied(t, newMembership(), []string{kill}, func(t *testing.T, b *bench, denied *denytest.Transport, settled *settledSubjects, _ *bytes.Buffer) {
		time.Sleep(time.Second)
		b.fake.Disconnect()
		before, _ := denied.Count(kill)
		time.Sleep(time.Hour)
		made, _ := denied.Count(kill)
		require.Equal(t, before, made)
		denied.Set(kill, false)
		b.fake.Reconnect()
		time.Sleep(10 * time.Second) // the pauses start anew
		require.Equal(t, []string{kill}, settled.all())
	})
}

// A group is left and joined again while the broker is asked about it anew: what
// that finds out says nothing about the subscription of the second join.
func TestARefusedGroupThatIsJoinedAgainIsTriedAgain(t *testing.T) {
	group := wire.CommandsGroup("canary")
	member := newMembership("canary")
	runDenied(t, member, []string{group}, func(t *testing.T, b *bench, denied *denytest.Transport, _ *settledSubjects, _ *bytes.Buffer) {
		time.Sleep(time.Second)
		made, _ := denied.Count(group)
		for again := made; again == made; again, _ = denied.Count(group) {
			time.Sleep(10 * time.Millisecond)
		}
		member.set() // in the second in which the attempt is judged
		time.Sleep(100 * time.Millisecond)
		member.set("canary")
		time.Sleep(10 * time.Second)
		denied.Set(group, false)
		time.Sleep(5 * time.Minute)
		b.publish(group, "heard")
		require.Equal(t, []string{"heard live"}, names(b.settled()))
	})
}
