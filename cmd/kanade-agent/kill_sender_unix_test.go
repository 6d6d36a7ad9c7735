//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

const (
	pcID = "till-3"
	// outstanding is how many commands without a result the sender keeps up.
	outstanding = 12
	// lookEvery is how often it looks for results and repeats commands.
	lookEvery = 20 * time.Millisecond
)

// kind is a sort of command and what becomes of it: a script that ran to its end
// has counted itself once. Every script may also end as interrupted.
type kind struct {
	change func(*wire.Command)
	script string // after the script has counted itself
	exit   int32
	runs   int
}

var kinds = []kind{
	{runs: 1},
	{script: "sleep 0.1", runs: 1},
	{script: "exit 3", exit: 3, runs: 1},
	{script: "#" + strings.Repeat("x", 70<<10) + "\nsleep 0.1", runs: 1}, // too long for a command line
	{script: "head -c 100000 /dev/zero | tr '\\0' x", runs: 1},
	{change: func(c *wire.Command) { c.JitterSecs = 2 }, runs: 1},
	{change: func(c *wire.Command) { c.Shell = "fish" }, exit: wire.ExitFailed},
	{change: func(c *wire.Command) { c.DeadlineAt = time.Unix(1, 0) }, exit: wire.ExitDeadline},
}

// request is one command on its way.
type request struct {
	kind    kind
	subject string
	bytes   []byte // the same at each repeat
	sends   int
	next    time.Time // of the next repeat
}

// sender repeats each command until it sees its result in the stream, as a
// backend does that has no other way to be sure.
type sender struct {
	t      *testing.T
	nc     *nats.Conn
	stream jetstream.Stream
	counts string // the file in which scripts count themselves
	rng    *rand.Rand
	done   chan struct{}

	mu       sync.Mutex
	closing  bool // no new commands
	requests map[string]*request
	waiting  map[string]*request // without a result
	stored   map[string][]wire.Result
	sequence uint64                      // of the newest stored result
	copies   map[string]map[[32]byte]int // of each result that was published, by its bytes
	began    time.Time
}

func newSender(t *testing.T, b *jstest.Broker, rng *rand.Rand) *sender {
	t.Helper()
	nc := b.Connect(nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // its broker is killed all the time
	s := &sender{
		t: t, nc: nc, stream: createStreams(t, nc), counts: filepath.Join(t.TempDir(), "counts"), rng: rng,
		done: make(chan struct{}), requests: make(map[string]*request), waiting: make(map[string]*request),
		stored: make(map[string][]wire.Result), copies: make(map[string]map[[32]byte]int), began: time.Now(),
	}
	_, err := nc.Subscribe(wire.ResultsFilter(), s.hear)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	go s.run(ctx)
	t.Cleanup(func() { cancel(); <-s.done })
	return s
}

// createStreams creates what the backend creates, and returns the results.
func createStreams(t *testing.T, nc *nats.Conn) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	var results jetstream.Stream
	for _, spec := range wire.Streams() {
		s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: spec.Name, Subjects: spec.Subjects, MaxAge: spec.MaxAge, MaxMsgsPerSubject: spec.MaxMsgsPerSubject,
		})
		require.NoError(t, err)
		if spec.Name == wire.StreamResults {
			results = s
		}
	}
	for _, b := range wire.Buckets() {
		_, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: b.Name, History: b.History})
		require.NoError(t, err)
	}
	return results
}

// hear notes every copy of a result, also those that the stream drops as
// duplicates: they must say the same.
func (s *sender) hear(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.TrimPrefix(m.Subject, "results.")
	if s.copies[id] == nil {
		s.copies[id] = make(map[[32]byte]int)
	}
	s.copies[id][sha256.Sum256(m.Data)]++
}

func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.look(ctx)
		s.send()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// look reads the results that the stream has got. A broker that is away has
// none for now.
func (s *sender) look(ctx context.Context) {
	for {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		msg, err := s.stream.GetMsg(ctx, s.sequence+1, jetstream.WithGetMsgSubject(wire.ResultsFilter()))
		cancel()
		if err != nil {
			return
		}
		s.note(msg)
	}
}

func (s *sender) note(msg *jetstream.RawStreamMsg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence = msg.Sequence
	r, err := wire.DecodeResult(msg.Data)
	if err != nil || msg.Subject != wire.ResultSubject(r.RequestID) {
		s.t.Errorf("stored on %s: %v: %s", msg.Subject, err, msg.Data)
	}
	s.stored[r.RequestID] = append(s.stored[r.RequestID], r)
	delete(s.waiting, r.RequestID)
}

// send adds commands until enough are on their way, and repeats what is due.
func (s *sender) send() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closing && len(s.waiting) < outstanding {
		s.add(wire.CommandsPC(pcID))
	}
	for _, id := range slices.Sorted(maps.Keys(s.waiting)) {
		r := s.waiting[id]
		if time.Now().Before(r.next) || r.subject == wire.CommandsAll() && !s.closing {
			continue
		}
		s.publish(r)
	}
}

// sendForReplay sends a command while no agent is there to hear it: it comes
// from the stream. It is repeated only while no agent is there.
func (s *sender) sendForReplay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.waiting {
		if r.subject == wire.CommandsAll() {
			s.publish(r)
			return // the stream keeps one of a subject
		}
	}
	s.publish(s.add(wire.CommandsAll()))
}

func (s *sender) add(subject string) *request {
	id := fmt.Sprintf("r-%05d", len(s.requests))
	r := &request{kind: kinds[s.rng.IntN(len(kinds))], subject: subject}
	c := wire.Command{
		ID: "job", Version: "1", RequestID: id, Shell: "sh", TimeoutSecs: 60,
		Script: fmt.Sprintf("echo %s >> '%s'\n%s", id, s.counts, r.kind.script),
	}
	if r.kind.change != nil {
		r.kind.change(&c)
	}
	var err error
	if r.bytes, err = c.Encode(); err != nil {
		s.t.Errorf("encode: %v", err)
	}
	s.requests[id], s.waiting[id] = r, r
	return r
}

// publish sends a command once more. What a lost connection swallows is sent
// again anyway.
func (s *sender) publish(r *request) {
	_ = s.nc.Publish(r.subject, r.bytes)
	r.sends++
	r.next = time.Now().Add(50*time.Millisecond + time.Duration(s.rng.Int64N(int64(300*time.Millisecond))))
}

func (s *sender) answered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored)
}

// stopAdding ends the supply; what has no result is still repeated.
func (s *sender) stopAdding() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
}

func (s *sender) unanswered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.waiting))
}

// runs is how often each script has counted itself.
func (s *sender) runs() map[string]int {
	s.t.Helper()
	text, err := os.ReadFile(s.counts)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(s.t, err)
	}
	runs := make(map[string]int)
	for id := range strings.FieldsSeq(string(text)) {
		runs[id]++
	}
	return runs
}

// check compares what is stored with what was sent and what ran. It is called
// when the agent has ended.
func (s *sender) check() {
	s.t.Helper()
	s.look(s.t.Context())
	runs := s.runs()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(s.t, s.stored, len(s.requests), "results of commands that nobody sent")
	for id, r := range s.requests {
		s.checkOne(id, r, runs[id])
	}
}

func (s *sender) checkOne(id string, r *request, runs int) {
	s.t.Helper()
	require.Len(s.t, s.stored[id], 1, "results of %s", id)
	require.LessOrEqual(s.t, len(s.copies[id]), 1, "results of %s that were published and differ", id)
	got := s.stored[id][0]
	require.Equal(s.t, wire.ResultID(id, pcID), got.ResultID)
	require.Equal(s.t, pcID, got.PCID)
	if got.ExitCode == wire.ExitInterrupted && r.kind.runs > 0 {
		require.LessOrEqual(s.t, runs, r.kind.runs, "%s ran more than once", id)
		return
	}
	require.Equal(s.t, r.kind.exit, got.ExitCode, "%s: %s", id, got.Stderr)
	require.Equal(s.t, r.kind.runs, runs, "runs of %s", id)
}

func (s *sender) summary() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sends, copies, replayed := 0, 0, 0
	exits := make(map[int32]int)
	for id, r := range s.requests {
		sends += r.sends
		exits[s.stored[id][0].ExitCode]++
		if r.subject == wire.CommandsAll() {
			replayed++
		}
		for _, n := range s.copies[id] {
			copies += n
		}
	}
	return fmt.Sprintf("%d commands (%d only through the stream) sent %d times, results published %d times, exit codes %v, in %v",
		len(s.requests), replayed, sends, copies, exits, time.Since(s.began).Round(time.Millisecond))
}
