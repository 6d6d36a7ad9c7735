package command

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
)

func write(t *testing.T, tail *exec.Tail, stdout, stderr string) {
	t.Helper()
	for w, text := range map[interface{ Write([]byte) (int, error) }]string{tail.Stdout(): stdout, tail.Stderr(): stderr} {
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
}

func TestTheTailOfARunIsThereUntilAMinuteAfterItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tails := NewTails("PC-1")
		id := wire.ResultID("r", "PC-1")
		require.Zero(t, tails.Tail(id))
		tail, end := tails.Begin(request("r"))
		require.Equal(t, wire.JobTail{Found: true, Running: true}, tails.Tail(id))
		write(t, tail, "half\xffway\n", strings.Repeat("é", exec.DefaultTail))
		got := tails.Tail(id)
		require.Regexp(t, "^half.way\n$", got.Stdout) // Windows knows a character for the byte
		require.True(t, utf8.ValidString(got.Stdout))
		require.Equal(t, strings.Repeat("é", exec.DefaultTail/2), got.Stderr)
		require.True(t, got.Running && got.StderrTruncated && !got.StdoutTruncated)
		require.Zero(t, tails.Tail(wire.ResultID("r", "PC-2")), "of another host")
		end()
		got.Running = false
		require.Equal(t, got, tails.Tail(id))
		time.Sleep(tailKept / 2)
		_, endOther := tails.Begin(request("other"))
		endOther()
		time.Sleep(tailKept/2 - time.Millisecond)
		require.Equal(t, got, tails.Tail(id))
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.Zero(t, tails.Tail(id))
		require.True(t, tails.Tail(wire.ResultID("other", "PC-1")).Found)
		time.Sleep(tailKept / 2)
		synctest.Wait()
		require.Nil(t, tails.ended)
		require.Zero(t, tails.bytes)
		require.Nil(t, tails.timer, "nothing wakes up for nothing")
		_, endOther = tails.Begin(request("other"))
		endOther()
		time.Sleep(tailKept)
		synctest.Wait()
		require.Nil(t, tails.ended)
	})
}

func TestWhatIsKeptOfEndedRunsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tails := NewTails("PC-1")
		found := func(i int) bool { return tails.Tail(wire.ResultID(fmt.Sprint(i), "PC-1")).Found }
		run := func(i int, stdout string) {
			tail, end := tails.Begin(request(fmt.Sprint(i)))
			write(t, tail, stdout, "")
			end()
		}
		for i := range maxEndedTails + 10 {
			run(i, "small")
		}
		require.Len(t, tails.ended, maxEndedTails)
		require.False(t, found(9))
		require.True(t, found(10))
		require.True(t, found(maxEndedTails+9))
		// Bytes that are no text are three times as long when they are shown.
		for i := range 100 {
			run(2000+i, strings.Repeat("\xff", 1<<20))
		}
		require.LessOrEqual(t, tails.bytes, maxEndedBytes)
		require.False(t, found(2000))
		require.True(t, found(2099))
		require.Greater(t, len(tails.ended), 30)
	})
}

func TestTailRequests(t *testing.T) {
	t.Parallel()
	tails := NewTails("PC-1")
	tail, end := tails.Begin(request("r"))
	defer end()
	write(t, tail, strings.Repeat("\x00", exec.DefaultTail), "problem")
	known := wire.JobTailRequest{ResultID: wire.ResultID("r", "PC-1")}.Encode()
	for _, bad := range [][]byte{
		nil, []byte("not json"), []byte(`{}`), []byte(`{"result_id":null}`), []byte(`{"result_id":"nobody"}`), bytes.ToUpper(known),
		append(known[:len(known)-1], `,"padding":"`+strings.Repeat("x", maxTailRequest)+`"}`...),
	} {
		got, err := wire.DecodeJobTail(tails.Answer(bad, wire.MaxJobTailReply))
		require.NoError(t, err)
		require.Zero(t, got, "%.60s", bad)
	}
	known = wire.JobTailRequest{ResultID: wire.ResultID("r", "PC-1")}.Encode()
	for _, limit := range []int{1024, 64 << 10, wire.MaxJobTailReply} {
		answer := tails.Answer(known, limit)
		require.LessOrEqual(t, len(answer), limit)
		got, err := wire.DecodeJobTail(answer)
		require.NoError(t, err)
		require.True(t, got.Found && got.Running)
		require.Equal(t, "problem", got.Stderr, "the short stream is whole")
		require.NotEmpty(t, got.Stdout)
		require.Equal(t, limit < 6*exec.DefaultTail, got.StdoutTruncated)
	}
}

// A script is seen from its start on, whatever becomes of it.
func TestAScriptHasATail(t *testing.T) {
	t.Parallel()
	tails := NewTails("PC-1")
	id := wire.ResultID("r", "PC-1")
	script := Script{Shell: exec.Sh, Tails: tails, Limits: exec.Limits{Processes: 7}, Runner: exec.RunnerFunc(func(_ context.Context, s exec.Spec) (exec.Outcome, error) {
		require.Equal(t, exec.Limits{Processes: 7}, s.Limits)
		write(t, s.Tail, "so far", "")
		require.Equal(t, wire.JobTail{Found: true, Running: true, Stdout: "so far"}, tails.Tail(id))
		panic("lost it")
	})}
	require.Panics(t, func() { _, _ = script.Run(t.Context(), request("r"), 1) })
	require.Equal(t, wire.JobTail{Found: true, Stdout: "so far"}, tails.Tail(id))
	require.Empty(t, tails.live)
	script.Tails = nil
	script.Runner = exec.RunnerFunc(func(_ context.Context, s exec.Spec) (exec.Outcome, error) {
		require.Nil(t, s.Tail)
		write(t, s.Tail, "to nobody", "")
		return exec.Outcome{}, nil
	})
	_, err := script.Run(t.Context(), request("r"), 1)
	require.NoError(t, err)
}
