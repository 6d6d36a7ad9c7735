//go:build unix

package agent_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// The end of what commands wrote is kept for a minute, up to 16 MiB.
const (
	tailsKept  = time.Minute + 5*time.Second
	tailsSlack = 16 << 20
)

func localJob(counts string) doc {
	return doc{
		"id": "local", "version": "1", "description": nil, "inventory": nil, "emit": nil, "require_approval": false,
		"staleness": doc{"mode": "cached"},
		"execute":   doc{"shell": "sh", "script": "echo local >> '" + counts + "'", "timeout": "1m", "run_as": "system"},
	}
}

func localSchedule(cron string) doc {
	return doc{"id": "often", "cron": cron, "job_id": "local", "target": doc{"groups": []string{"lab"}}, "runs_on": "agent"}
}

// tryPut is put for a broker that may be away.
func (s *soak) tryPut(bucket, key string, value doc) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 500*time.Millisecond)
	defer cancel()
	kv, err := s.js.KeyValue(ctx, bucket)
	if err == nil {
		_, err = kv.Put(ctx, key, encode(s.t, value))
	}
	if err != nil {
		s.did["settings not stored"]++
	}
}

// repeat sends again what has no result yet, as a sender does who waits for it. What
// the agent has heard has to end in a result by itself.
func (s *soak) repeat() {
	s.hear()
	for id, data := range s.open {
		if !s.heard[id] {
			_ = s.nc.Publish(s.to[id], data)
			s.did["copies"]++
		}
	}
}

// takeResults closes what has its result.
func (s *soak) takeResults() {
	if !s.nc.IsConnected() || s.projectNow(2*time.Second) != nil {
		return // later
	}
	for id, all := range s.stored {
		delete(s.open, id)
		for i, r := range all {
			if _, long := r["stdout"]; long {
				all[i] = doc{"exit_code": r["exit_code"], "manifest_id": r["manifest_id"], "result_id": r["result_id"]}
			}
		}
	}
}

// settle waits until every command has its result and the agent rests, and marks what
// is held then.
func (s *soak) settle(name string) {
	s.back()
	s.put("agent_config", "global", doc{"max_local_concurrent": 4})
	for _, scope := range []string{"groups.lab", "groups.canary", "pcs." + pcID} {
		s.put("agent_config", scope, doc{})
	}
	s.put("agent_groups", pcID, doc{"groups": []string{"lab"}})
	s.endSchedule() // an agent that still reconnects goes on firing
	s.until(func() bool { return len(s.open) == 0 })
	s.eventually(func() bool { return agent.LocalSchedules(s.agent).Running == 0 }, "a local run does not end")
	s.rest()
	time.Sleep(restOf(*soakTime)) // what is kept for a while is let go
	s.marks = append(s.marks, s.markNow(name))
}

// restOf is how long the agent rests: long enough for tails only in the full check.
func restOf(soak time.Duration) time.Duration {
	if soak < 10*time.Minute {
		return min(soak/10, tailsKept)
	}
	return tailsKept
}

// until takes results until there are enough, and sends again what has none for long.
func (s *soak) until(enough func() bool) {
	for began, n := time.Now(), 1; ; n++ {
		if s.takeResults(); enough() {
			return
		}
		require.Less(s.t, time.Since(began), 2*patience, "no result of %v", s.missing())
		if n%20 == 0 {
			s.tryPut("agent_groups", pcID, doc{"groups": []string{"lab"}}) // all may be to a group that was left
			s.repeat()
		}
		time.Sleep(50 * time.Millisecond) // between two looks
	}
}

// missing says what has no result, and where it was sent.
func (s *soak) missing() (all []string) {
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		all = append(all, id+" to "+s.to[id])
	}
	return all
}

func (s *soak) markNow(name string) mark {
	m := held(name, len(s.to))
	for _, stream := range []string{
		"EXEC", "RESULTS", "EVENTS", "OBS_EVENTS", "KV_script_current", "KV_script_status", "KV_agent_config",
		"KV_agent_groups", "KV_schedules", "KV_jobs", "OBJ_scripts", "OBJ_result_output",
	} {
		m.consumers += len(s.consumers(stream))
	}
	return m
}

func (s *soak) table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, name := range slices.Sorted(maps.Keys(s.did)) {
		_, _ = fmt.Fprintf(w, "%s\t%d\t\n", name, s.did[name])
	}
	_, _ = fmt.Fprintf(w, "runs of a local schedule\t%d\t\n\nat rest after\tcommands\theap KiB\tgoroutines\tfiles\tconsumers\t\n", s.runs("local"))
	for _, m := range s.marks {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t\n", m.name, m.commands, m.heap>>10, m.goroutines, m.files, m.consumers)
	}
	_ = w.Flush()
	return text.String()
}

// check: as many results as commands, as many runs as results say, and no growth.
func (s *soak) check() {
	local, lines := 0, s.lines()
	for id, all := range s.stored {
		require.Len(s.t, all, 1, "results of %s", id)
		if all[0]["manifest_id"] == "local" {
			local++
			continue
		}
		require.LessOrEqual(s.t, lines[id+"-"], 1, "runs of %s", id)
		if all[0]["exit_code"] == 0.0 || all[0]["exit_code"] == 3.0 {
			require.Equal(s.t, 1, lines[id+"-"], "runs of %s", id)
		}
	}
	require.Equal(s.t, lines["local"], local, "results of local runs")
	require.Len(s.t, s.stored, len(s.to)+local)
	require.Equal(s.t, []string{"agent_replay_PC-1"}, s.consumers("EXEC"))
	first, last := s.marks[0], s.marks[len(s.marks)-1]
	require.Equal(s.t, first.consumers, last.consumers, "consumers")
	slack := heapSlack
	if restOf(*soakTime) < tailsKept {
		slack += tailsSlack
	}
	first.requireNoGrowth(s.t, last, slack)
}
