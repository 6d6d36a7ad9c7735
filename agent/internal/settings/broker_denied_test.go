package settings

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// role is a broker whose user "agent" may publish to these subjects, with a
// bucket's stream for each %s, and hear what a view needs, and nothing else.
func role(publish ...string) jstest.BrokerOption {
	var allowed, heard []string
	for _, b := range wire.Buckets() {
		for _, subject := range publish {
			allowed = append(allowed, fmt.Sprintf("%q", fmt.Sprintf(subject, wire.BucketStream(b.Name))))
		}
		heard = append(heard, fmt.Sprintf("%q", "$KV."+b.Name+".>"))
	}
	return jstest.WithConfig(fmt.Sprintf(`authorization { users: [ {user: maker, password: m}, {user: agent, password: a, permissions: {
		publish: {allow: [%s]}, subscribe: {allow: ["_INBOX.>", %s]}}} ] }`, strings.Join(allowed, ", "), strings.Join(heard, ", ")))
}

const (
	toLeader = "$JS.API.STREAM.MSG.GET.%s"
	toView   = "$JS.API.DIRECT.GET.%s"
)

// The permissions of the manual are enough: for a fleet without buckets, and for a
// revocation that is taken back by its deletion, while the view or a row shows it.
func TestTheLeastPrivilegesAreEnough(t *testing.T) {
	s := newEmptySite(t, role(toView, toLeader))
	h := s.start(t.TempDir())
	s.eventually("a job may run where there are no buckets", func() bool { return h.Scripts().Ask(t.Context(), "job", "1") == allowedNow })
	s.eventually("they are missing, not broken", func() bool {
		return !slices.ContainsFunc(h.Status().Buckets, func(b BucketStatus) bool { return b.Missing.IsZero() || b.Unreadable != "" })
	})
	s.createBuckets()
	s.put("script_status", "job", "REVOKED")
	s.eventually("a revocation counts", func() bool { return h.fresh() && h.revoked("job") })
	require.NoError(t, s.kv("script_status").Delete(t.Context(), "job"))
	s.eventually("its deletion ends it", func() bool { return !h.revoked("job") })
	require.Zero(t, h.Status().Buckets[3].Kept)
	require.Zero(t, h.logs.Count("refuses"), "nothing was refused")
	for _, b := range h.Status().Buckets {
		require.Zero(t, b.Missing)
		require.Empty(t, b.Problems)
	}
}

// Without the leader the replicas tell, and the agent says which permission it misses.
func TestWithoutTheLeaderAReplicaDecides(t *testing.T) {
	s := newEmptySite(t, role(toView))
	s.createBuckets()
	s.fill()
	h := s.start(t.TempDir())
	s.eventually("everything is read", func() bool { return h.fresh() && h.revoked("bad") })
	for range 5 {
		state := h.Scripts().Ask(t.Context(), "bad", "1")
		require.True(t, state.Revoked && state.Final && state.Age == 0, "%+v", state)
		require.True(t, h.Scripts().Ask(t.Context(), "job", "9").Refuses("9"))
		require.False(t, h.Scripts().Ask(t.Context(), "job", "1.4.0").Refuses("1.4.0"))
	}
	require.NoError(t, s.kv("script_status").Delete(t.Context(), "bad"))
	s.eventually("its deletion ends it", func() bool { return !h.Scripts().Ask(t.Context(), "bad", "1").Revoked })
	require.Zero(t, h.Status().Buckets[3].Kept)
	for _, bucket := range []string{"script_status", "script_current"} {
		require.Equal(t, 1, h.logs.Count("$JS.API.STREAM.MSG.GET.KV_"+bucket), h.logs.String())
	}
	problems := h.Status().Buckets[3].Problems
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], "$JS.API.STREAM.MSG.GET.KV_script_status")
}

// A role that may read nothing decides by what it knows, and says what it needs.
func TestWithoutAnyReadTheLastKnownCounts(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, benchStore(dir, "script_status").save(snapshot{Rows: map[string]row{"bad": {Value: "REVOKED", Revision: 1}}}))
	require.NoError(t, benchStore(dir, "script_current").save(snapshot{Rows: map[string]row{}}))
	s := newEmptySite(t, role("nothing.%s"))
	s.createBuckets()
	h := s.start(dir)
	s.eventually("the views say why they cannot be read", func() bool {
		return !slices.ContainsFunc(h.Status().Buckets, func(b BucketStatus) bool { return b.Unreadable == "" })
	})
	for range 3 {
		require.True(t, h.Scripts().Ask(t.Context(), "bad", "1").Revoked)
		require.False(t, h.Scripts().Ask(t.Context(), "good", "1").Refuses("1"))
	}
	require.Equal(t, 1, h.logs.Count("allow its user to publish to $JS.API.STREAM.MSG.GET.KV_script_status"), h.logs.String())
}
