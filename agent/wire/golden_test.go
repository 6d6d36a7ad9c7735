package wire

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata; those in testdata/contract are never rewritten")

func at(year int, month time.Month, day, hour, minute, second, ns int) time.Time {
	return time.Date(year, month, day, hour, minute, second, ns, time.UTC)
}

const (
	exampleRequest = "6d0c1f0e-7b0e-4d54-9f0e-0f3f2f6a1a11"
	exampleExec    = "b7a9c2d4-1f36-4a7e-8f55-2c1d9e7f6a20"
	exampleResult  = "0b5e4d57-2f0a-4f4e-9a8b-7c8f3b1d2e90"
)

// The wire's own examples are below testdata/contract, the other files are ours.
var commandFiles = map[string]Command{
	"contract/command.json": {
		ID: "disk-report", Version: "1.4.0", RequestID: exampleRequest, ExecID: exampleExec,
		Shell: "powershell", Script: "Get-PSDrive C", TimeoutSecs: 120, JitterSecs: 30,
		DeadlineAt: at(2031, 3, 4, 5, 6, 7, 0),
		Staleness:  Staleness{Mode: StalenessStrict, MaxCacheAge: "10m"},
	},
	"contract/command_newer.json": {
		ID: "j", Version: "1", RequestID: "r", Shell: "sh", Script: "echo", TimeoutSecs: 5,
	},
	"command_full.json": {
		ID: "größe", Version: "2", RequestID: "a.b", ExecID: "e-1", Shell: "echo-handler",
		ScriptObject: "tools/1.0", ScriptObjectSHA256: strings.Repeat("0f", 32),
		TimeoutSecs: 1<<64 - 1, JitterSecs: 2, RunAs: RunAsSystemGUI, Cwd: `~\work`,
		DeadlineAt: at(2031, 3, 4, 5, 6, 7, 123_456_789),
		Staleness:  Staleness{Mode: StalenessUnchecked},
		Emit:       &EmitConfig{WatermarkPath: `C:\mark.txt`},
	},
	"command_text.json": {
		ID: "text", Version: "1", RequestID: "r-2", Shell: "cmd", TimeoutSecs: 0, RunAs: RunAsUser,
		Script: "echo \"<&>\" \\ \u2028\u2029 é 😀\r\n\t\b\f\x00\x01\x1f\x7f",
	},
}

var resultFiles = map[string]Result{
	"contract/result.json": {
		ResultID: exampleResult, RequestID: exampleRequest, ExecID: exampleExec, PCID: "LAB-09",
		StartedAt: at(2031, 3, 4, 5, 0, 1, 250_000_000), FinishedAt: at(2031, 3, 4, 5, 0, 9, 750_500_000),
		StdoutObject: exampleRequest + "/stdout", ManifestID: "disk-report",
	},
	"result_skipped.json": {
		ResultID: ResultID("req-77", "LAB-09"), RequestID: "req-77", PCID: "LAB-09", ExitCode: ExitVersionPin,
		Stderr:    SkippedVersionPin("disk-report", "1.5.0", "1.4.0"),
		StartedAt: at(2031, 3, 4, 5, 0, 1, 0), FinishedAt: at(2031, 3, 4, 5, 0, 1, 0), ManifestID: "disk-report",
	},
	"result_text.json": {
		ResultID: "x", RequestID: "a b", PCID: "host.example", ExitCode: -1073741819,
		Stdout:    "one\ntwo\r\n\x1b[31m<b>&\u2028 😀\x00",
		Stderr:    AppendNote("half\n", TimeoutNote(0)),
		StartedAt: at(2026, 11, 22, 3, 19, 46, 795_731_584), FinishedAt: at(2026, 11, 22, 3, 19, 47, 123_456_000),
		StdoutObject: "a/stdout", StderrObject: "a/stderr", ManifestID: "m",
	},
}

var startedFiles = map[string]EventStarted{
	"contract/started.json": {
		ResultID: exampleResult, RequestID: exampleRequest, ExecID: exampleExec, PCID: "LAB-09",
		StartedAt: at(2031, 3, 4, 5, 0, 1, 250_000_000), ManifestID: "disk-report", Version: "1.4.0",
	},
}

var obsFiles = map[string]ObsEvent{
	"contract/obs_event.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 4, 59, 30, 0), Kind: "logon", Source: "winlog:Security",
		EventRecordID: "90017", Payload: []byte(`{"logon_type":2,"user":"casey"}`),
	},
	"obs_event_bare.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 4, 59, 30, 1000), Kind: "boot", Source: "agent:startup",
	},
	"obs_event_payload.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 4, 59, 30, 1000), Kind: "diagnostic", Source: "script:x",
		Payload: []byte(`{"":[],"B":{},"a":[100.0,1e16,0.00001,1e-6,-0.0,18446744073709551615,-9223372036854775808],"ä":"<\u0001>"}`),
	},
}

func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	for file, c := range commandFiles {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, c.Validate())
			written, err := c.Encode()
			require.NoError(t, err)
			read, err := DecodeCommand(golden(t, file, written))
			require.NoError(t, err)
			require.Equal(t, c, read)
		})
	}
	for file, v := range resultFiles {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, v.Validate())
			read, err := DecodeResult(golden(t, file, v.Encode()))
			require.NoError(t, err)
			require.Equal(t, v, read)
		})
	}
	for file, e := range startedFiles {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, e.Validate())
			read, err := DecodeEventStarted(golden(t, file, e.Encode()))
			require.NoError(t, err)
			require.Equal(t, e, read)
		})
	}
	for file, e := range obsFiles {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, e.Validate())
			written, err := e.Encode()
			require.NoError(t, err)
			read, err := DecodeObsEvent(golden(t, file, written))
			require.NoError(t, err)
			require.Equal(t, e, read)
		})
	}
}

func TestGoldenFragments(t *testing.T) {
	t.Parallel()
	c := minimal()
	c.Staleness = Staleness{Mode: StalenessStrict, MaxCacheAge: "90s"}
	c.Emit = &EmitConfig{WatermarkPath: `C:\ProgramData\Acme\mark.txt`}
	data, err := c.Encode()
	require.NoError(t, err)
	want := `,"run_as":"system","staleness":` + string(load(t, "contract/staleness.json")) +
		`,"emit":` + string(load(t, "contract/emit.json")) + `}`
	require.True(t, strings.HasSuffix(string(data), want), "%s", data)
	read, err := DecodeCommand(data)
	require.NoError(t, err)
	require.Equal(t, c, read)
}

// TestGoldenEnums holds every enum string of the wire; a copied line in one of
// the tables cannot pass.
func TestGoldenEnums(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"system", "user", "system_gui"},
		[]string{RunAsSystem.String(), RunAsUser.String(), RunAsSystemGUI.String()})
	require.Equal(t, []string{"cached", "unchecked", "strict"},
		[]string{StalenessCached.String(), StalenessUnchecked.String(), StalenessStrict.String()})
	require.Equal(t, "events", EmitEvents.String())
	require.Equal(t, "run_as(9)", RunAs(9).String())
}

// golden compares written with the file, or rewrites the file, and returns the
// file's content.
func golden(t *testing.T, file string, written []byte) []byte {
	t.Helper()
	if *update && !strings.HasPrefix(file, "contract/") {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", file), written, 0o644))
	}
	want := load(t, file)
	require.Equal(t, string(want), string(written))
	return want
}

func load(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(file)))
	require.NoError(t, err)
	return data
}
