//go:build unix

package agent_test

import (
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

var (
	soakTime = flag.Duration("soak", 10*time.Second, "how long TestSoak goes on; 10m for the full check")
	soakSeed = flag.Uint64("soak.seed", 1, "what TestSoak draws its steps from")
)

// most is how many commands the soak leaves open at once.
const most = 100

// soak is a backend that does whatever comes to its mind. What it does as the n-th
// thing depends on the seed and n alone.
type soak struct {
	*office
	luck  *rand.Rand // of this step
	open  map[string][]byte
	to    map[string]string // subject by request
	told  []string          // requests that went out while the agent listened
	heard map[string]bool   // those that it had received when it answered the next ping
	live  bool              // the agent's subscriptions are in force
	did   map[string]int
	marks []mark
}

// TestSoak has commands stream while the broker is restarted, settings, groups and
// schedules flip and commands are killed. At its end no result is missing or there
// twice, and what the agent holds has not grown.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	began := time.Now()
	for n := uint64(0); time.Since(began) < *soakTime; n++ {
		s.luck = rand.New(rand.NewPCG(*soakSeed, n))
		s.step()
		if len(s.marks) == 0 && time.Since(began) > *soakTime/4 {
			s.settle("a quarter")
		}
	}
	s.settle("the end")
	t.Logf("seed %d\n%s", *soakSeed, s.table())
	s.check()
}

func newSoak(t *testing.T) *soak {
	s := &soak{office: newOffice(t), open: map[string][]byte{}, to: map[string]string{}, heard: map[string]bool{}, did: map[string]int{}}
	s.broker.Start()
	s.connect()
	s.createFleet()
	log, err := os.Create(s.path("log")) // what is written to the test's output stays in memory
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, log.Close())
		if t.Failed() {
			text, _ := os.ReadFile(s.path("log"))
			t.Logf("%s", text[max(0, len(text)-30_000):])
		}
	})
	s.agent, s.stop = startAgent(t, s.cfg, agent.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	ready(t, s.agent)
	s.put("jobs", "local", localJob(s.path("counts")))
	return s
}

// step does one thing.
func (s *soak) step() {
	type deed struct {
		weight int
		name   string
		do     func()
	}
	deeds := []deed{
		{700, "command", s.command},
		{60, "kill", s.kill},
		{60, "settings", s.settings},
		{50, "groups", s.groups},
		{50, "schedule", s.editSchedule},
		{20, "repeat", s.repeat},
		{15, "restart", s.restart},
	}
	sum := 0
	for _, d := range deeds {
		sum += d.weight
	}
	pick := s.luck.IntN(sum)
	for _, d := range deeds {
		if pick -= d.weight; pick < 0 {
			s.did[d.name]++
			d.do()
			break
		}
	}
	time.Sleep(time.Duration(s.luck.IntN(30)) * time.Millisecond) // the stream's pace
}

// command sends one of several kinds.
func (s *soak) command() {
	s.until(func() bool { return len(s.open) < most })
	subject := []string{"commands.pc." + pcID, "commands.pc." + pcID, "commands.group.lab", "commands.all"}[s.luck.IntN(4)]
	script := []string{
		"", "echo hello", "sleep 0.2", "exit 3", "head -c 300000 /dev/zero", "sleep 1 & exit 0", "echo problem >&2; kill $$",
	}[s.luck.IntN(7)]
	s.sendOpen(subject, doc{"script": script, "exec_id": fmt.Sprintf("x-%d", s.luck.IntN(1000))})
}

// sendOpen sends a command without waiting until anybody has it.
func (s *soak) sendOpen(subject string, command doc) {
	id := fmt.Sprintf("s-%d", len(s.to))
	command["script"] = fmt.Sprintf("echo %s- >> '%s'\n%s", id, s.path("counts"), command["script"])
	full := doc{"id": "job", "version": "1", "request_id": id, "shell": "sh", "timeout_secs": 60}
	maps.Copy(full, command)
	data := encode(s.t, full)
	s.open[id], s.to[id] = data, subject
	if s.live && subject != "commands.group.lab" { // a group may be left
		s.told = append(s.told, id)
	}
	_ = s.nc.Publish(subject, data) // lost without a broker; it is repeated
}

// hear pings the agent. Its reply comes behind the subscriptions that it asked for
// after a restart of the broker, and behind everything that was sent to it before.
func (s *soak) hear() {
	_, err := s.nc.Request("agents."+pcID+".ping", nil, time.Second)
	if s.live = err == nil; s.live {
		for _, id := range s.told {
			s.heard[id] = true
		}
		s.did["heard"] += len(s.told)
	}
	s.told = nil
}

// kill ends a command at a time that nobody knows.
func (s *soak) kill() {
	exec := fmt.Sprintf("k-%d", len(s.to))
	s.sendOpen("commands.pc."+pcID, doc{"exec_id": exec, "script": "sleep 2"})
	time.Sleep(time.Duration(s.luck.IntN(50)) * time.Millisecond) // any time will do
	_ = s.nc.Publish("kill."+exec, nil)
}

func (s *soak) settings() {
	scope := []string{"global", "groups.lab", "groups.canary", "pcs." + pcID}[s.luck.IntN(4)]
	s.tryPut("agent_config", scope, doc{
		"heartbeat_interval":   fmt.Sprintf("%ds", 1+s.luck.IntN(5)),
		"host_perf_interval":   fmt.Sprintf("%ds", 1+s.luck.IntN(5)),
		"process_perf_enabled": s.luck.IntN(2) == 0, "max_local_concurrent": 2 + s.luck.IntN(4),
	})
}

func (s *soak) groups() {
	s.tryPut("agent_groups", pcID, doc{"groups": [][]string{{}, {"lab"}, {"canary"}, {"canary", "lab"}}[s.luck.IntN(4)]})
}

func (s *soak) editSchedule() {
	row := localSchedule([]string{"* * * * * *", "* * * * * *", "*/2 * * * * *", "0 0 0 1 1 *", "nonsense"}[s.luck.IntN(5)])
	row["enabled"] = s.luck.IntN(3) > 0
	row["target"] = []doc{{"all": true}, {"groups": []string{"lab"}}}[s.luck.IntN(2)]
	s.tryPut("schedules", "often", row)
}

// restart ends the broker with commands on their way, in order or not.
func (s *soak) restart() {
	s.hear()
	for range s.luck.IntN(6) {
		s.command()
	}
	s.live, s.told = false, nil
	if s.luck.IntN(2) == 0 {
		s.broker.Stop()
	} else {
		s.broker.Kill()
	}
	time.Sleep(time.Duration(s.luck.IntN(500)) * time.Millisecond) // how long it is away
	s.broker.Start()
}
