package events

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

type box struct {
	mu      sync.Mutex
	records []outbox.Record
	err     error
}

func (b *box) Put(_ context.Context, r outbox.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	b.records = append(b.records, r)
	return nil
}

func newRecorder() (r *Recorder, starts, observations *box) {
	starts, observations = &box{}, &box{}
	at := time.Date(2031, 3, 4, 5, 0, 0, 0, time.UTC)
	return &Recorder{
		PCID: "PC-1", Starts: starts, Observations: observations,
		Now: func() time.Time { return at }, Logger: slog.New(slog.DiscardHandler),
	}, starts, observations
}

var command = wire.Command{ID: "job", Version: "1.4.0", RequestID: "r", ExecID: "exec-1"}

func TestAStartIsToldWithTheResultsID(t *testing.T) {
	r, starts, _ := newRecorder()
	r.Started(t.Context(), command, r.Now())
	require.Len(t, starts.records, 1)
	require.Equal(t, "events.started.exec-1.PC-1", starts.records[0].Subject)
	e, err := wire.DecodeEventStarted(starts.records[0].Data)
	require.NoError(t, err)
	require.Equal(t, wire.EventStarted{
		ResultID: wire.ResultID("r", "PC-1"), RequestID: "r", ExecID: "exec-1", PCID: "PC-1",
		StartedAt: r.Now(), ManifestID: "job", Version: "1.4.0",
	}, e)
	require.Equal(t, e.ResultID, starts.records[0].Name)

	ad := command
	ad.ExecID = ""
	r.Started(t.Context(), ad, r.Now())
	require.Len(t, starts.records, 1, "an ad-hoc run has no started event")
}

func TestReportedLinesBecomeObservations(t *testing.T) {
	const good = `{"pc_id":"someone","at":"2031-03-04T04:59:30Z","kind":"logon","source":"winlog:Security","payload":{"n":1e2}}`
	for name, c := range map[string]struct {
		stdout string
		full   bool
		stored int
		all    bool
	}{
		"lines and blanks": {stdout: good + "\r\n\n  \n" + good, stored: 2, all: true},
		"nothing":          {all: true},
		"a bad line":       {stdout: good + "\nnot an event\n" + good + "\n", stored: 2},
		"a full box":       {stdout: good, full: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, _, observations := newRecorder()
			if c.full {
				observations.err = errors.New("full")
			}
			require.Equal(t, c.all, r.Emit(t.Context(), command, c.stdout))
			require.Len(t, observations.records, c.stored)
			names := make(map[string]bool)
			for _, record := range observations.records {
				require.Regexp(t, `^[0-9a-f]{32}$`, record.Name)
				names[record.Name] = true
				require.Equal(t, "obs.PC-1", record.Subject)
				e, err := wire.DecodeObsEvent(record.Data)
				require.NoError(t, err)
				require.Equal(t, "PC-1", e.PCID)
				require.JSONEq(t, `{"n":100.0}`, string(e.Payload))
			}
			require.Len(t, names, c.stored)
		})
	}
}

// A line that no message can hold would be stuck in the box for good, while its
// output is gone from the result.
func TestALineThatNoMessageHoldsStaysInTheOutput(t *testing.T) {
	line := func(n int) string {
		return `{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"` + strings.Repeat("k", n) + `","source":"s"}`
	}
	for name, c := range map[string]struct {
		payload func() int64
		size    int
		all     bool
	}{
		"usual":                     {size: 1<<20 - 1024, all: true},
		"too large":                 {size: 1 << 20},
		"without a newline, huge":   {size: 8 << 20},
		"not known yet":             {payload: func() int64 { return 0 }, size: 1 << 20},
		"a broker that takes more":  {payload: func() int64 { return 8 << 20 }, size: 2 << 20, all: true},
		"a broker that takes less":  {payload: func() int64 { return 64 << 10 }, size: 64 << 10},
		"less, and it is not above": {payload: func() int64 { return 64 << 10 }, size: 60 << 10, all: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, _, observations := newRecorder()
			r.MaxPayload = c.payload
			require.Equal(t, c.all, r.Emit(t.Context(), command, line(c.size)))
			require.Equal(t, c.all, len(observations.records) == 1)
		})
	}
}

func TestARepeatOfALineIsTheSameRecord(t *testing.T) {
	const line = `{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"k","source":"s"}`
	r, _, observations := newRecorder()
	r.Emit(t.Context(), command, line)
	r.Emit(t.Context(), command, line)
	require.Equal(t, observations.records[0], observations.records[1])
}

// Nor is what two runs, or two hosts, or two lines of one run say alike one record.
func TestTheSameLineOfAnotherRunIsAnotherRecord(t *testing.T) {
	const line = `{"pc_id":"x","at":"2031-03-04T04:59:30Z","kind":"k","source":"s"}`
	other := command
	other.RequestID = "another"
	names := map[string]bool{}
	for _, pc := range []string{"PC-1", "PC-2"} {
		r, _, observations := newRecorder()
		r.PCID = pc
		require.True(t, r.Emit(t.Context(), command, line+"\n"+line))
		require.True(t, r.Emit(t.Context(), other, line))
		for _, record := range observations.records {
			names[record.Name] = true
			require.Equal(t, record.Name, record.MsgID)
		}
	}
	require.Len(t, names, 6)
}

// A script that prints something else altogether does not fill the log.
func TestManyLinesThatAreNoEvents(t *testing.T) {
	r, _, observations := newRecorder()
	var log strings.Builder
	r.Logger = slog.New(slog.NewTextHandler(&log, nil))
	require.False(t, r.Emit(t.Context(), command, strings.Repeat("no event\n", 1000)))
	require.Empty(t, observations.records)
	require.Equal(t, emitWarnings+1, strings.Count(log.String(), "level=WARN"))
	require.Contains(t, log.String(), "lines=1000")
}

func TestAnObservationOfTheAgentsOwn(t *testing.T) {
	r, _, observations := newRecorder()
	r.Observe(t.Context(), "command_admission_conflict", map[string]string{"request_id": "r"})
	e, err := wire.DecodeObsEvent(observations.records[0].Data)
	require.NoError(t, err)
	require.Equal(t, "agent:admission", e.Source)
	require.JSONEq(t, `{"request_id":"r"}`, string(e.Payload))
	observations.err = errors.New("full")
	r.Observe(t.Context(), "k", nil) // told, not promised
}

// panickyBox is one whose codec or disk panics.
type panickyBox struct{}

func (panickyBox) Put(context.Context, outbox.Record) error { panic("box") }

func TestABoxThatPanicsLeavesTheOutputInTheResult(t *testing.T) {
	r, _, _ := newRecorder()
	r.Observations = panickyBox{}
	require.False(t, r.Emit(t.Context(), command, `{"pc_id":"someone","at":"2031-03-04T04:59:30Z","kind":"logon","source":"x","payload":{}}`))
}
