package wire

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestJobTailGolden(t *testing.T) {
	t.Parallel()
	full := JobTail{Found: true, Running: true, Stdout: "größe\n\"50 %\"\n", Stderr: "warning: \t\x1b[0m\n", StdoutTruncated: true, StderrTruncated: true}
	read, err := DecodeJobTail(golden(t, "job_tail.json", full.Encode(MaxJobTailReply)))
	require.NoError(t, err)
	require.Equal(t, full, read)
	golden(t, "job_tail_unknown.json", JobTail{}.Encode(MaxJobTailReply))
	request, err := DecodeJobTailRequest(golden(t, "job_tail_request.json", JobTailRequest{ResultID: exampleResult}.Encode()))
	require.NoError(t, err)
	require.Equal(t, JobTailRequest{ResultID: exampleResult}, request)

	// A sender of another release may leave fields out and add others.
	read, err = DecodeJobTail([]byte(`{"found":true,"new":[{"a":1}]}`))
	require.NoError(t, err)
	require.Equal(t, JobTail{Found: true}, read)
	request, err = DecodeJobTailRequest([]byte(`{"new":1}`))
	require.NoError(t, err)
	require.Zero(t, request)
}

func TestJobTailRefuses(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{``, `null`, `[]`, `"x"`, `{"result_id":null}`, `{"result_id":7}`, `{"result_id":["a"]}`, `{"result_id":"a","result_id":"b"}`, `{"result_id":"a"}x`, "{\"result_id\":\"\xff\"}"} {
		q, err := DecodeJobTailRequest([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.Zero(t, q)
	}
	for _, doc := range []string{``, `null`, `{"found":1}`, `{"stdout":null}`, `{"stderr_truncated":"yes"}`} {
		got, err := DecodeJobTail([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.Zero(t, got)
	}
}

// The answer fits, whatever the streams hold, and loses no more than it must.
func TestJobTailFits(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	for name, c := range map[string]struct {
		stdout, stderr string
		cutOut, cutErr bool
	}{
		"small":            {stdout: "a", stderr: "b"},
		"long stdout":      {stdout: strings.Repeat("a", 2*limit), stderr: "b", cutOut: true},
		"long stderr":      {stdout: "a", stderr: strings.Repeat("b", 2*limit), cutErr: true},
		"both":             {stdout: strings.Repeat("a", limit), stderr: strings.Repeat("b", limit), cutOut: true, cutErr: true},
		"half each":        {stdout: strings.Repeat("a", limit/2-200), stderr: strings.Repeat("b", limit/2-200)},
		"control":          {stdout: strings.Repeat("\x00", limit/2), stderr: strings.Repeat("\n\"", limit/2), cutOut: true, cutErr: true},
		"wide":             {stdout: strings.Repeat("😀é", limit), cutOut: true},
		"bytes of no text": {stdout: strings.Repeat("\xff\x80", limit), cutOut: true},
		"half characters":  {stdout: strings.Repeat("\xf0\x9f\x98", limit), stderr: strings.Repeat("é", 10), cutOut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := JobTail{Found: true, Running: true, Stdout: c.stdout, Stderr: c.stderr}.Encode(limit)
			require.LessOrEqual(t, len(data), limit)
			require.True(t, utf8.Valid(data))
			got, err := DecodeJobTail(data)
			require.NoError(t, err)
			require.Equal(t, c.cutOut, got.StdoutTruncated)
			require.Equal(t, c.cutErr, got.StderrTruncated)
			require.True(t, strings.HasSuffix(strings.ToValidUTF8(c.stderr, replacement), got.Stderr))
			if utf8.ValidString(c.stdout) {
				require.True(t, strings.HasSuffix(c.stdout, got.Stdout))
			}
			if c.cutOut || c.cutErr {
				require.Greater(t, len(data), limit-2*jobTailFrame, "no more is cut than must be")
			}
		})
	}
	require.LessOrEqual(t, len(JobTail{Stdout: strings.Repeat("a", 1000)}.Encode(256)), 256, "the least room there is")
}

func FuzzJobTail(f *testing.F) {
	seedFiles(f)
	f.Add([]byte(`{"result_id":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := DecodeJobTailRequest(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
		}
		tail := JobTail{Found: true, Stdout: string(data), Stderr: string(data)}
		for _, limit := range []int{256, 300, 4096} {
			reply := tail.Encode(limit)
			require.LessOrEqual(t, len(reply), limit)
			_, err := DecodeJobTail(reply)
			require.NoError(t, err)
		}
	})
}
