package settings

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func TestNothingIsKnownAtFirst(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		require.Equal(t, wire.DefaultConfig(), b.Current())
		require.Nil(t, b.groupsNow(), "not known is not none")
		require.Equal(t, wire.ScriptState{Age: wire.NeverConnected}, b.Scripts().Known("job"))
		for _, bucket := range b.Status().Buckets {
			require.False(t, bucket.Known)
		}
		b.see("agent_groups", 1)
		require.NotNil(t, b.groupsNow())
		require.Empty(t, b.groupsNow())
	})
}

func TestGroupsAndScopesFollowTheBuckets(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		keys, keysChanged := b.keys["agent_config"]()
		require.Equal(t, []string{"global", "pcs.PC-1"}, keys)
		own, _ := b.keys["agent_groups"]()
		require.Equal(t, []string{"PC-1"}, own)
		_, groupsChanged := b.Groups()
		changed := b.Changed()

		b.see("agent_groups", 3, "PC-1", `{"groups":["wave1","canary","wave1"]}`)
		require.Equal(t, []string{"canary", "wave1"}, b.groupsNow())
		require.True(t, closed(groupsChanged))
		require.True(t, closed(keysChanged))
		require.False(t, closed(changed), "the settings are the same")
		keys, keysChanged = b.keys["agent_config"]()
		require.Equal(t, []string{"global", "groups.canary", "groups.wave1", "pcs.PC-1"}, keys)

		b.see("agent_config", 7, "global", `{"heartbeat_interval":"60s"}`, "groups.canary", `{"heartbeat_interval":"5s"}`)
		require.True(t, closed(changed))
		require.Equal(t, 5*time.Second, b.Current().HeartbeatInterval)
		require.Equal(t, map[string]uint64{"global": 7, "groups.canary": 8}, b.Status().Scopes)

		changed = b.Changed()
		b.see("agent_config", 17, "global", `{"heartbeat_interval":"60s"}`, "groups.canary", `{"heartbeat_interval":"5s"}`)
		require.False(t, closed(changed), "put again is no change")
		require.Equal(t, map[string]uint64{"global": 17, "groups.canary": 18}, b.Status().Scopes)

		b.see("agent_groups", 4, "PC-1", `{"groups":["wave1"]}`)
		require.True(t, closed(changed))
		require.True(t, closed(keysChanged))
		require.Equal(t, time.Minute, b.Current().HeartbeatInterval, "a group's row counts for members")

		_, groupsChanged = b.Groups()
		b.see("agent_groups", 5)
		require.True(t, closed(groupsChanged))
		require.Empty(t, b.groupsNow(), "a row that was deleted is gone")
		b.see("agent_config", 5)
		require.Equal(t, wire.DefaultConfig(), b.Current())
		require.Zero(t, b.logs.Count("level=WARN"))
	})
}

func TestABrokenRowLeavesTheLastGoodOneAndIsToldOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("agent_groups", 1, "PC-1", `{"groups":["a"]}`)
		b.see("agent_config", 1, "global", `{"heartbeat_interval":"60s"}`, "groups.a", `{"process_perf_top_n":7}`)
		b.see("script_current", 1, "job", "1.4.0")
		want := b.Current()

		for range 3 {
			b.see("agent_groups", 2, "PC-1", `{"groups":"all"}`)
			b.see("agent_config", 2, "global", `not-json`, "groups.a", `{"process_perf_top_n":-7}`)
			b.see("script_current", 2, "job", "\xff")
		}
		require.Equal(t, []string{"a"}, b.groupsNow())
		require.Equal(t, want, b.Current())
		require.Equal(t, "1.4.0", b.Scripts().Known("job").Version)
		require.Equal(t, 4, b.logs.Count("level=WARN"))
		require.Equal(t, 1, b.logs.Count(`field \"process_perf_top_n\"`))
		require.Len(t, b.observed, 4)
		require.Equal(t, "agent_groups", b.observed[0]["bucket"])
		require.Equal(t, "PC-1", b.observed[0]["key"])
		require.Equal(t, "2", b.observed[0]["revision"])
		require.Contains(t, b.observed[0]["problem"], "expected an array of strings")
		require.Equal(t, []string{"global", "groups.a"}, b.Status().Buckets[1].Bad)

		b.see("agent_config", 3, "global", `still-not-json`, "groups.a", `{"process_perf_top_n":8}`)
		require.Equal(t, 5, b.logs.Count("level=WARN"), "another revision")
		require.Equal(t, 8, b.Current().ProcessPerfTopN)
		require.Equal(t, time.Minute, b.Current().HeartbeatInterval)
		b.see("agent_config", 5, "global", `{"heartbeat_interval":"10s"}`, "groups.a", `{"process_perf_top_n":8}`)
		require.Equal(t, 10*time.Second, b.Current().HeartbeatInterval, "mended")
		require.Empty(t, b.Status().Buckets[1].Bad)

		b.restart()
		require.Equal(t, 10*time.Second, b.Current().HeartbeatInterval)
		require.Equal(t, []string{"a"}, b.groupsNow())
	})
}

func TestAValueOutsideItsBoundsIsToldOnce(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		for range 3 {
			b.see("agent_config", 4, "global", `{"heartbeat_interval":"0s"}`)
		}
		require.Equal(t, time.Second, b.Current().HeartbeatInterval)
		require.Equal(t, 1, b.logs.Count("level=WARN"))
		require.Equal(t, []map[string]string{{
			"bucket": "agent_config", "key": "global", "revision": "4",
			"problem": `heartbeat_interval: "0s" is outside 1s to 1day; 1s is used`,
		}}, b.observed)
		b.see("agent_groups", 1, "PC-1", `{"groups":["a","b","c.*"]}`)
		require.Equal(t, []string{"a", "b"}, b.groupsNow())
		require.Equal(t, 2, b.logs.Count("level=WARN"))
		b.see("agent_config", 4, "global", `{"heartbeat_interval":"0s"}`, "groups.a", `{"target_version":"1"}`, "groups.b", `{"target_version":"1"}`)
		require.Equal(t, 1, b.logs.Count("set by 2 groups of this host, in this order: a, b"))
	})
}

func TestAgeCountsFromTheLoss(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("script_current", 1)
		require.Equal(t, wire.NeverConnected, b.Scripts().Known("a").Age, "the other bucket was never read")
		b.see("script_status", 1)
		require.Zero(t, b.Scripts().Known("a").Age)
		time.Sleep(72 * time.Hour)
		require.Zero(t, b.Scripts().Known("a").Age, "fresh for as long as nothing else is said")
		b.seeStale("script_status", time.Now(), 1)
		require.Equal(t, time.Duration(1), b.Scripts().Known("a").Age)
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, b.Scripts().Known("a").Age)
		b.see("script_status", 1)
		require.Zero(t, b.Scripts().Known("a").Age)
		b.stop()
		require.NotZero(t, b.Scripts().Known("a").Age, "nobody keeps it fresh any more")
	})
}

func TestABucketThatHoldsTooMuchLeavesItsLastGoodView(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.see("script_status", 1)
		b.see("script_current", 1, "a", "1")
		rows, long := []string{"a", "2"}, strings.Repeat("9", 1024)
		for i := range maxBytes / len(long) {
			rows = append(rows, fmt.Sprint("job-", i), long)
		}
		for range 2 {
			b.see("script_current", 2, rows...)
		}
		time.Sleep(time.Minute)
		want := wire.ScriptState{Known: true, Pinned: true, Version: "1", Age: time.Minute}
		require.Equal(t, want, b.Scripts().Known("a"))
		require.Equal(t, 1, b.logs.Count("more than 8388608 bytes"))
		b.see("script_current", 2, "a", "2")
		want.Version, want.Age = "2", 0
		require.Equal(t, want, b.Scripts().Known("a"))
	})
}

func TestAPCIDThatNoKeyCanHold(t *testing.T) {
	run(t, func(b *bench) { b.pcID = "größe" }, func(t *testing.T, b *bench) {
		require.NotNil(t, b.groupsNow())
		require.Empty(t, b.groupsNow())
		require.NotContains(t, b.applies, "agent_groups")
		keys, _ := b.keys["agent_config"]()
		require.Equal(t, []string{"global"}, keys)
		require.Equal(t, 1, b.logs.Count("its pc_id cannot be a key of a bucket"))
		b.see("agent_config", 1, "global", `{"heartbeat_interval":"10s"}`)
		require.Equal(t, 10*time.Second, b.Current().HeartbeatInterval)
	})
}
