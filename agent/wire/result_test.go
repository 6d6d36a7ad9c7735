package wire

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const smallResult = `{"request_id":"r","pc_id":"p","exit_code":0,"stdout":"o","stderr":"e","started_at":"2031-01-01T00:00:00Z","finished_at":"2031-01-01T00:00:01Z"}`

func TestDecodeResult(t *testing.T) {
	t.Parallel()
	small := Result{
		RequestID: "r", PCID: "p", Stdout: "o", Stderr: "e",
		StartedAt: at(2031, 1, 1, 0, 0, 0, 0), FinishedAt: at(2031, 1, 1, 0, 0, 1, 0),
	}
	add := func(members string) string { return strings.TrimSuffix(smallResult, "}") + "," + members + "}" }
	tests := map[string]struct{ doc, want string }{
		"absent result_id is empty": {smallResult, ""},
		"optional null":             {add(`"exec_id":null,"stdout_object":null,"stderr_object":null,"manifest_id":null`), ""},
		"unknown keys":              {add(`"skipped":false,"zz":[{}]`), ""},
		"result_id null":            {add(`"result_id":null`), `field "result_id": expected a string, found null`},
		"stdout twice":              {add(`"stdout":""`), `field "stdout": the key appears twice`},
		"stdout missing":            {strings.Replace(smallResult, `"stdout":"o",`, "", 1), `field "stdout" is missing`},
		"finished_at null":          {strings.Replace(smallResult, `"2031-01-01T00:00:01Z"`, "null", 1), "timestamp with offset, found null"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodeResult([]byte(tt.doc))
			if tt.want == "" {
				require.NoError(t, err)
				require.Equal(t, small, got)
				return
			}
			require.ErrorIs(t, err, ErrDecode)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, Result{RequestID: "r"}, got)
		})
	}
}

func TestDecodeResultExitCode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want int32
		ok   bool
	}{
		"0": {0, true}, "-1": {-1, true}, "-1073741819": {-1073741819, true},
		"2147483647": {math.MaxInt32, true}, "-2147483648": {math.MinInt32, true},
		"2147483648": {}, "-2147483649": {}, "3221225477": {}, "1.0": {}, "1e2": {}, "-0": {}, "null": {}, `"0"`: {}, "00": {}, "+1": {}, "-": {},
	}
	for lit, tt := range tests {
		got, err := DecodeResult([]byte(strings.Replace(smallResult, `"exit_code":0`, `"exit_code":`+lit, 1)))
		if !tt.ok {
			require.ErrorIs(t, err, ErrDecode, lit)
			continue
		}
		require.NoError(t, err, lit)
		require.Equal(t, tt.want, got.ExitCode)
	}
}

func TestResultID(t *testing.T) {
	t.Parallel()
	tests := []struct{ request, pc, want string }{
		{"r", "x", "0fa0310d-c039-5679-ac84-9f227050a1bb"},
		{"shared", "pc-1", "6265b5e0-5894-52cd-b917-8fc3e3cbb67e"},
		{"shared", "pc-2", "ce7b66e0-63fc-5bcf-a7c7-44c85d930e7a"},
		{"req-77", "LAB-09", "cf6bc4ed-2b08-5c7e-88cb-809d7bd34f90"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, ResultID(tt.request, tt.pc))
	}
}

func TestRefusalID(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2cfbc51f-e407-5248-85b1-f7cc65b33f1f", RefusalID("req-1", "PC1"))
	require.NotEqual(t, RefusalID("req-1", "PC1"), ResultID("req-1", "PC1"))
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]int32{0: 0, 255: 255, -1: ExitFailed, 0x7FFFFFFF: math.MaxInt32} {
		require.Equal(t, want, ExitCode(code))
	}
	if math.MaxInt > math.MaxInt32 {
		status := uint64(0xC0000005)
		require.Equal(t, int32(-1073741819), ExitCode(int(status)))
	}
}

func TestResultValidate(t *testing.T) {
	t.Parallel()
	good := resultFiles["contract/result.json"]
	tests := map[string]func(*Result){
		"result_id":   func(v *Result) { v.ResultID = "" },
		"request_id":  func(v *Result) { v.RequestID = "" },
		"pc_id":       func(v *Result) { v.PCID = "a b" },
		"started_at":  func(v *Result) { v.StartedAt = time.Time{} },
		"finished_at": func(v *Result) { v.FinishedAt = at(10000, 1, 1, 0, 0, 0, 0) },
	}
	for want, change := range tests {
		v := good
		change(&v)
		require.ErrorIs(t, v.Validate(), ErrInvalid)
		require.ErrorContains(t, v.Validate(), want)
	}
}

func TestResultReplacesInvalidUTF8(t *testing.T) {
	t.Parallel()
	v := resultFiles["contract/result.json"]
	v.Stdout = "a\xffb\xe2\x82c\xc3"
	read, err := DecodeResult(v.Encode())
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb\uFFFD\uFFFDc\uFFFD", read.Stdout)
}

func TestEventStartedRejects(t *testing.T) {
	t.Parallel()
	doc := string(load(t, "contract/started.json"))
	for _, key := range []string{"result_id", "request_id", "exec_id", "pc_id", "started_at", "manifest_id", "version"} {
		missing := strings.Replace(doc, `"`+key+`"`, `"zz"`, 1)
		_, err := DecodeEventStarted([]byte(missing))
		require.ErrorIs(t, err, ErrDecode)
		require.ErrorContains(t, err, `field "`+key+`" is missing`)

		_, err = DecodeEventStarted([]byte(strings.Replace(doc, `"`+key+`":"`, `"`+key+`":null,"zz":"`, 1)))
		require.ErrorIs(t, err, ErrDecode)
		require.ErrorContains(t, err, `field "`+key+`": expected`)
	}
	_, err := DecodeEventStarted([]byte(strings.Replace(doc, "{", `{"zz":[],`, 1)))
	require.NoError(t, err)
}

func TestEventStartedValidate(t *testing.T) {
	t.Parallel()
	err := EventStarted{ExecID: "a b"}.Validate()
	for _, field := range []string{"result_id", "request_id", "exec_id", "pc_id", "started_at"} {
		require.ErrorContains(t, err, field)
	}
	require.ErrorIs(t, err, ErrInvalid)
}
