package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

var (
	idleRest   = flag.Duration("idle.rest", time.Minute, "how long BenchmarkIdle leaves the programs alone before it measures, and how long it measures")
	idleStarts = flag.Int("idle.starts", 9, "how often BenchmarkIdle starts each program; the median is printed")
	idleBinary = flag.String("idle.binary", "", "the agent that BenchmarkIdle measures; default: built as it is released")
)

// idler is a program that waits to be asked.
type idler struct {
	name    string
	limit   footprint // zero: none
	command func(state string) *exec.Cmd
	subject string // answers there

	startUp []time.Duration
	found   footprint
}

// footprint is what a program costs a host while nothing happens.
type footprint struct {
	rss     float64 // MiB, all of its pages that are in memory
	own     float64 // MiB of them that are not the file it was started from
	threads int
	cpu     float64 // ms per second
	wakeups float64 // per second, of all threads
	startUp float64 // ms from its start to its first answer
}

// BenchmarkIdle prints what the agent costs while nothing happens, in a fleet with
// all streams and buckets, beside the least that a Go program with nats.go costs.
func BenchmarkIdle(b *testing.B) {
	broker := jstest.StartBroker(b)
	nc := broker.Connect()
	createFleet(b, nc)
	all := idlers(b, broker)
	for b.Loop() {
		for _, i := range all {
			i.measureStarts(b, nc)
		}
		measureRest(b, nc, all)
	}
	b.Log("\n" + table(all))
}

func createFleet(b *testing.B, nc *nats.Conn) {
	js, err := jetstream.New(nc)
	require.NoError(b, err)
	for _, s := range wire.Streams() {
		_, err := js.CreateStream(b.Context(), jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects, MaxMsgsPerSubject: s.MaxMsgsPerSubject})
		require.NoError(b, err)
	}
	for _, spec := range wire.Buckets() {
		_, err := js.CreateKeyValue(b.Context(), jetstream.KeyValueConfig{Bucket: spec.Name, History: spec.History})
		require.NoError(b, err)
	}
	for _, spec := range wire.ObjectStores() {
		_, err := js.CreateObjectStore(b.Context(), jetstream.ObjectStoreConfig{Bucket: spec.Name, TTL: spec.MaxAge})
		require.NoError(b, err)
	}
	kv, err := js.KeyValue(b.Context(), wire.BucketAgentConfig)
	require.NoError(b, err)
	_, err = kv.Put(b.Context(), wire.ConfigKeyPC("idle-perf"), []byte(`{"process_perf_enabled":true}`))
	require.NoError(b, err)
}

func idlers(b *testing.B, broker *jstest.Broker) []*idler {
	dir := b.TempDir()
	released, bare := *idleBinary, filepath.Join(dir, "bare")
	if released == "" {
		released = filepath.Join(dir, "agent")
		build(b, released, ".")
	}
	build(b, bare, "./testdata/bare")
	agent := func(id string, limit footprint) *idler {
		return &idler{name: id, limit: limit, subject: wire.PingSubject(id), command: func(state string) *exec.Cmd {
			cmd := exec.Command(released, "run", "--nats-url", broker.URL(), "--id", id, "--data-dir", state,
				"--klp", filepath.Join(state, "klp"), "--log-file", filepath.Join(state, "log", "agent.log"))
			cmd.Env = environment()
			return cmd
		}}
	}
	target := footprint{rss: 14, threads: 6, cpu: 0.15, wakeups: 2, startUp: 8}
	return []*idler{
		agent("idle", target),
		agent("idle-perf", footprint{rss: 18}),
		{name: "bare nats.go", subject: "bare", command: func(string) *exec.Cmd { return exec.Command(bare, broker.URL(), "bare") }},
	}
}

// build builds a program as it is released.
func build(b *testing.B, path, source string) {
	b.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, string(out))
}

// measureStarts starts a program several times, on a host that has seen it before.
func (i *idler) measureStarts(b *testing.B, nc *nats.Conn) {
	state := b.TempDir()
	i.startUp = nil
	for n := range *idleStarts + 1 {
		began := time.Now()
		end := i.start(b, nc, state)
		if n > 0 {
			i.startUp = append(i.startUp, time.Since(began))
		}
		end()
	}
}

// start returns when the program has answered, with what ends it.
func (i *idler) start(b *testing.B, nc *nats.Conn, state string) (end func()) {
	b.Helper()
	_, end = i.launch(b, nc, state)
	return end
}

func (i *idler) launch(b *testing.B, nc *nats.Conn, state string) (pid int, end func()) {
	b.Helper()
	cmd := i.command(state)
	require.NoError(b, cmd.Start())
	end = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // ended by a signal
		for {
			if _, err := nc.Request(i.subject, nil, time.Second); errors.Is(err, nats.ErrNoResponders) {
				return // the broker has noticed
			}
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	for {
		_, err := nc.RequestWithContext(ctx, i.subject, nil)
		if err == nil {
			return cmd.Process.Pid, end
		}
		if !errors.Is(err, nats.ErrNoResponders) {
			end()
			require.NoError(b, err, i.name)
		}
		time.Sleep(200 * time.Microsecond) // the machine is the program's, not this loop's
	}
}

// measureRest leaves all programs alone beside one another.
func measureRest(b *testing.B, nc *nats.Conn, all []*idler) {
	before := make([]usage, len(all))
	pids := make([]int, len(all))
	for n, i := range all {
		pid, end := i.launch(b, nc, b.TempDir())
		defer end()
		pids[n] = pid
	}
	time.Sleep(*idleRest) // what is measured
	for n := range all {
		before[n] = readUsage(b, pids[n])
	}
	time.Sleep(*idleRest)
	for n, i := range all {
		i.found = between(before[n], readUsage(b, pids[n]))
		slices.Sort(i.startUp)
		i.found.startUp = float64(i.startUp[len(i.startUp)/2].Microseconds()) / 1000
	}
}

// usage is what a process has used until now.
type usage struct {
	at       time.Time
	rss, own float64
	cpu      time.Duration
	switches map[string]int // voluntary, by thread
}

func readUsage(b *testing.B, pid int) usage {
	b.Helper()
	dir := fmt.Sprintf("/proc/%d/", pid)
	status := readFields(b, dir+"status")
	u := usage{at: time.Now(), rss: status["VmRSS"] / 1024, own: (status["RssAnon"] + status["RssShmem"]) / 1024, switches: map[string]int{}}
	tasks, err := os.ReadDir(dir + "task")
	require.NoError(b, err)
	for _, task := range tasks {
		u.switches[task.Name()] = int(readFields(b, dir+"task/"+task.Name()+"/status")["voluntary_ctxt_switches"])
		text, err := os.ReadFile(dir + "task/" + task.Name() + "/schedstat")
		require.NoError(b, err)
		onCPU, err := strconv.Atoi(strings.Fields(string(text))[0])
		require.NoError(b, err)
		u.cpu += time.Duration(onCPU)
	}
	return u
}

// readFields returns the numbers of a status file of /proc.
func readFields(b *testing.B, path string) map[string]float64 {
	b.Helper()
	text, err := os.ReadFile(path)
	require.NoError(b, err)
	fields := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		if words := strings.Fields(rest); len(words) > 0 {
			if n, err := strconv.ParseFloat(words[0], 64); err == nil {
				fields[name] = n
			}
		}
	}
	return fields
}

func between(before, after usage) footprint {
	seconds := after.at.Sub(before.at).Seconds()
	wakeups := 0
	for thread, n := range after.switches {
		wakeups += n - before.switches[thread]
	}
	return footprint{
		rss: after.rss, own: after.own, threads: len(after.switches),
		cpu: (after.cpu - before.cpu).Seconds() * 1000 / seconds, wakeups: float64(wakeups) / seconds,
	}
}

func table(all []*idler) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tRSS MiB\tof it own\tthreads\tCPU ms/s\twake-ups/s\tfirst answer ms\t")
	for _, i := range all {
		f := i.found
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%d\t%.3f\t%.2f\t%.1f\t\n", i.name, f.rss, f.own, f.threads, f.cpu, f.wakeups, f.startUp)
		if l := i.limit; l != (footprint{}) {
			_, _ = fmt.Fprintf(w, "wanted\t%s\t\t%s\t%s\t%s\t%s\t\n", wanted(l.rss), wanted(float64(l.threads)), wanted(l.cpu), wanted(l.wakeups), wanted(l.startUp))
		}
	}
	_ = w.Flush()
	return text.String()
}

func wanted(limit float64) string {
	if limit == 0 {
		return ""
	}
	return "<= " + strconv.FormatFloat(limit, 'g', -1, 64)
}
