package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestManifestGolden(t *testing.T) {
	t.Parallel()
	for file, m := range map[string]Manifest{
		"contract/manifest.json": {
			ID: "disk-report", Version: "1.4.0",
			Execute: Execute{Shell: "powershell", Script: "Get-PSDrive C", Timeout: "2m"},
		},
		"manifest_full.json": {
			ID: "full", Version: "2", Description: "a <b>", RequireApproval: true,
			Execute: Execute{Shell: "cmd", ScriptObject: "tool/1.2", Timeout: "1h 30m", RunAs: RunAsSystemGUI, Cwd: "~"},
			Inventory: &InventoryHint{
				Display: []DisplayField{{Field: "a", Label: "A"}, {Field: "t", Label: "T", Type: "table", Columns: []DisplayField{{Field: "c", Label: "C"}}}},
				Summary: []DisplayField{{Field: "a", Label: "A", Type: "bytes"}},
				Explode: []ExplodeSpec{{
					Field: "disks", Table: "disk", PrimaryKey: []string{"id"}, TrackHistory: true,
					Columns: []ExplodeColumn{{Field: "id", Type: "text", Index: true}, {Field: "size"}},
				}},
				HistoryScalars: []string{"os"},
			},
			Emit: &EmitConfig{WatermarkPath: "w"}, Staleness: Staleness{Mode: StalenessStrict, MaxCacheAge: "0s"},
		},
	} {
		require.NoError(t, m.Validate(), file)
		read, err := DecodeManifest(golden(t, file, m.Encode()))
		require.NoError(t, err, file)
		require.Equal(t, m, read, file)
	}
}

// newer is a job as release 0.101 writes it; this one must not take a part of it
// for the whole.
const newerManifest = `{"id":"j","version":"1","description":null,"execute":{"shell":"powershell","script":"x","timeout":"5s","run_as":"system"},"require_approval":false,"inventory":null,"emit":null,"check":null,"staleness":{"mode":"cached"}}`

const smallManifest = `{"id":"j","version":"1","execute":{"shell":"cmd","timeout":"5s"}}`

func manifestWith(member string) string {
	return strings.TrimSuffix(smallManifest, "}") + "," + member + "}"
}

func executeWith(member string) string {
	return `{"id":"j","version":"1","execute":{"shell":"cmd","timeout":"5s",` + member + `}}`
}

func TestDecodeManifest(t *testing.T) {
	t.Parallel()
	small := Manifest{ID: "j", Version: "1", Execute: Execute{Shell: "cmd", Timeout: "5s"}}
	for doc, want := range map[string]func(*Manifest){
		smallManifest: func(*Manifest) {},
		manifestWith(`"description":null,"inventory":null,"emit":null`):         func(*Manifest) {},
		manifestWith(`"staleness":{"mode":"unchecked","zz":1}`):                 func(m *Manifest) { m.Staleness.Mode = StalenessUnchecked },
		manifestWith(`"inventory":{"display":[],"zz":1}`):                       func(m *Manifest) { m.Inventory = &InventoryHint{Display: []DisplayField{}} },
		executeWith(`"script":null,"script_file":null,"script_object":null`):    func(*Manifest) {},
		executeWith(`"cwd":null,"run_as":"user","script":"","script_file":"f"`): func(m *Manifest) { m.Execute.RunAs, m.Execute.ScriptFile = RunAsUser, "f" },
	} {
		m := small
		want(&m)
		got, err := DecodeManifest([]byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, m, got, doc)
	}
}

func TestDecodeManifestRefuses(t *testing.T) {
	t.Parallel()
	for doc, says := range map[string]string{
		newerManifest:                                  `field "check": this release does not know the key`,
		manifestWith(`"target":{}`):                    `field "target"`,
		manifestWith(`"rollout":null`):                 `field "rollout"`,
		manifestWith(`"jitter":"5m"`):                  `field "jitter"`,
		manifestWith(`"category":"x"`):                 `field "category"`,
		manifestWith(`"Version":"2"`):                  `field "Version"`,
		executeWith(`"operation":"x"`):                 `field "execute.operation"`,
		executeWith(`"retries":1`):                     `field "execute.retries"`,
		manifestWith(`"version":"2"`):                  "the key appears twice",
		manifestWith(`"staleness":null`):               "expected an object, found null",
		manifestWith(`"staleness":{"mode":"strict"}`):  "max_cache_age",
		manifestWith(`"require_approval":null`):        "expected true or false",
		manifestWith(`"emit":{"type":"events","x":1}`): "expected no other key",
		manifestWith(`"inventory":{}`):                 `field "display" is missing`,
		manifestWith(`"inventory":{"display":[{}]}`):   `field "field" is missing`,
		manifestWith(`"inventory":{"display":[],"explode":[{"field":"a","table":"b","columns":[]}]}`):                    `"primary_key" is missing`,
		manifestWith(`"inventory":{"display":[],"explode":[{"field":"a","table":"b","primary_key":[],"columns":[{}]}]}`): `"field" is missing`,
		executeWith(`"run_as":null`):                          "expected a string",
		executeWith(`"run_as":"root"`):                        "expected one of",
		executeWith(`"script":5`):                             "expected a string",
		`{"id":"j","version":"1"}`:                            `field "execute" is missing`,
		`{"id":"j","execute":{"shell":"cmd","timeout":"5s"}}`: `field "version" is missing`,
		`{"id":"j","version":"1","execute":{"shell":"cmd"}}`:  `field "timeout" is missing`,
		`{"id":"j","version":"1","execute":{"timeout":"5"}}`:  `field "shell" is missing`,
		`{"id":"j","version":1,"execute":{}}`:                 "expected a string",
		`null`:                                                "expected an object",
	} {
		m, err := DecodeManifest([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.ErrorContains(t, err, says, doc)
		require.Equal(t, Manifest{}, m)
	}
}

func TestExecuteTimeout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{"2m": 120, "500ms": 0, "1999ms": 1, "soon": 60, "": 60, "30": 60, "0": 0, "1h 30m": 5400} {
		require.Equal(t, want, Execute{Timeout: text}.TimeoutSecs(), text)
	}
}

func TestManifestValidate(t *testing.T) {
	t.Parallel()
	bad := Manifest{ID: "a b", Version: "\xff", Execute: Execute{Timeout: "30", RunAs: 9, Script: "x", ScriptObject: "y"}, Staleness: Staleness{Mode: 9}}
	err := bad.Validate()
	require.ErrorIs(t, err, ErrInvalid)
	for _, field := range []string{"id", "version", "timeout", "run_as", "exactly one of script", "staleness"} {
		require.ErrorContains(t, err, field)
	}
}

func TestScheduleGolden(t *testing.T) {
	t.Parallel()
	for file, s := range map[string]Schedule{
		"contract/schedule.json": {
			ID: "nightly-disk", Cron: "0 15 3 * * *", JobID: "disk-report", Target: Target{Groups: []string{"lab"}, PCIDs: []string{}},
			Jitter: "5m", Mode: OncePerPC, Cooldown: "20h", RunsOn: RunsOnAgent,
		},
		"schedule_full.json": {
			ID: "full", Cron: "@daily", JobID: "j", Target: Target{Groups: []string{}, PCIDs: []string{"a", "b"}, All: true},
			Rollout: &Rollout{Waves: []Wave{{Group: "canary", Delay: "0s"}, {Group: "lab", Delay: "1h"}}}, Jitter: "1s",
			DeadlineAt: at(2031, 3, 4, 5, 6, 7, 0), Mode: OncePerTarget, Cooldown: "1d", AutoDisableWhenDone: true, StartingDeadline: "5m",
			Disabled: true,
		},
	} {
		require.NoError(t, s.Validate(), file)
		read, err := DecodeSchedule(golden(t, file, s.Encode()))
		require.NoError(t, err, file)
		require.Equal(t, s, read, file)
	}
}

const smallSchedule = `{"id":"s","cron":"@daily","job_id":"j"`

func TestDecodeSchedule(t *testing.T) {
	t.Parallel()
	for member, want := range map[string]func(*Schedule){
		``: func(*Schedule) {},
		`,"tz":"local","when":{"on":["startup"]},"check":null`:               func(*Schedule) {},
		`,"target":{"zz":1,"all":true}`:                                      func(s *Schedule) { s.Target.All = true },
		`,"jitter":null,"cooldown":null,"starting_deadline":null`:            func(*Schedule) {},
		`,"rollout":null,"deadline_at":null`:                                 func(*Schedule) {},
		`,"rollout":{"waves":[],"zz":1}`:                                     func(s *Schedule) { s.Rollout = &Rollout{Waves: []Wave{}} },
		`,"rollout":{"strategy":"wave","waves":[{"group":"a","delay":"x"}]}`: func(s *Schedule) { s.Rollout = &Rollout{Waves: []Wave{{"a", "x"}}} },
		`,"mode":"once_per_pc","runs_on":"agent","enabled":false`:            func(s *Schedule) { s.Mode, s.RunsOn, s.Disabled = OncePerPC, RunsOnAgent, true },
		`,"cooldown":"soon","jitter":"-5s"`:                                  func(s *Schedule) { s.Cooldown, s.Jitter = "soon", "-5s" },
	} {
		s := Schedule{ID: "s", Cron: "@daily", JobID: "j"}
		want(&s)
		got, err := DecodeSchedule([]byte(smallSchedule + member + "}"))
		require.NoError(t, err, member)
		require.Equal(t, s, got, member)
	}
}

func TestDecodeScheduleRefuses(t *testing.T) {
	t.Parallel()
	for doc, says := range map[string]string{
		`{"id":"s","when":{"per_pc":{"every":"6h"}},"job_id":"j","target":{"groups":[],"pcs":[],"all":true},"tz":"local","runs_on":"agent","enabled":true}`: `field "cron" is missing`,
		`{"cron":"@daily","job_id":"j"}`:                          `field "id" is missing`,
		`{"id":"s","cron":"@daily"}`:                              `field "job_id" is missing`,
		smallSchedule + `,"mode":null}`:                           "expected a string",
		smallSchedule + `,"mode":"once"}`:                         "expected one of",
		smallSchedule + `,"runs_on":null}`:                        "expected a string",
		smallSchedule + `,"enabled":null}`:                        "expected true or false",
		smallSchedule + `,"auto_disable_when_done":1}`:            "expected true or false",
		smallSchedule + `,"target":null}`:                         "expected an object",
		smallSchedule + `,"target":{"groups":null}}`:              "expected an array",
		smallSchedule + `,"target":{"pcs":[1]}}`:                  "expected a string",
		smallSchedule + `,"target":{"all":null}}`:                 "expected true or false",
		smallSchedule + `,"rollout":{}}`:                          `"waves" is missing`,
		smallSchedule + `,"rollout":{"waves":null}}`:              "expected an array",
		smallSchedule + `,"rollout":{"strategy":"x","waves":[]}}`: "expected one of",
		smallSchedule + `,"rollout":{"waves":[{"group":"a"}]}}`:   `"delay" is missing`,
		smallSchedule + `,"deadline_at":"2031-03-04T05:06:07"}`:   "RFC 3339",
		smallSchedule + `,"jitter":5}`:                            "expected a string",
		smallSchedule + `,"id":"t"}`:                              "the key appears twice",
		smallSchedule + `} x`:                                     "expected the end",
	} {
		s, err := DecodeSchedule([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.ErrorContains(t, err, says, doc)
		require.Equal(t, Schedule{}, s)
	}
}

func TestScheduleDurations(t *testing.T) {
	t.Parallel()
	s := Schedule{Jitter: "1500ms", Cooldown: "1d", StartingDeadline: "5m"}
	require.EqualValues(t, 1, s.JitterSecs())
	require.Zero(t, Schedule{Jitter: "soon"}.JitterSecs())
	require.Zero(t, Schedule{}.JitterSecs())
	d, ok := s.CooldownTime()
	require.True(t, ok && d == 24*time.Hour)
	d, ok = s.StartingDeadlineTime()
	require.True(t, ok && d == 5*time.Minute)
	_, ok = Schedule{Cooldown: "soon"}.CooldownTime()
	require.False(t, ok)
	_, ok = Schedule{}.CooldownTime()
	require.False(t, ok)
	err := Schedule{
		ID: "..", JobID: "", Cron: "\xff", Jitter: "5", Cooldown: "x", StartingDeadline: "-1s", Mode: 9, RunsOn: 9,
		DeadlineAt: time.Unix(1<<60, 0), Rollout: &Rollout{Waves: []Wave{{Delay: "y"}}},
	}.Validate()
	for _, field := range []string{"id", "job_id", "cron", "jitter", "cooldown", "starting_deadline", "mode", "runs_on", "deadline_at", "wave 0"} {
		require.ErrorContains(t, err, field)
	}
}

func TestTargetMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target Target
		pcID   string
		groups []string
		want   bool
	}{
		{Target{All: true}, "any", nil, true},
		{Target{PCIDs: []string{"minipc"}}, "minipc", nil, true},
		{Target{PCIDs: []string{"minipc"}}, "MINIPC", nil, false},
		{Target{PCIDs: []string{"minipc"}}, "other", nil, false},
		{Target{Groups: []string{"canary", "wave1"}}, "x", []string{"wave1"}, true},
		{Target{Groups: []string{"canary", "wave1"}}, "x", []string{"dept-eng", "canary"}, true},
		{Target{Groups: []string{"canary", "wave1"}}, "x", []string{"dept-eng"}, false},
		{Target{Groups: []string{"canary", "wave1"}}, "x", nil, false},
		{Target{}, "x", []string{"wave1"}, false},
	} {
		require.Equal(t, c.want, c.target.Matches(c.pcID, c.groups), "%+v", c)
		s := Schedule{Target: c.target, RunsOn: RunsOnAgent}
		require.Equal(t, c.want, s.AppliesTo(c.pcID, c.groups))
		s.Disabled = true
		require.False(t, s.AppliesTo(c.pcID, c.groups))
		require.False(t, Schedule{Target: c.target}.AppliesTo(c.pcID, c.groups))
	}
}

func FuzzDecodeManifest(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeManifest(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			require.Less(t, len(err.Error()), 600)
			return
		}
		require.True(t, json.Valid(data), "accepted what is not JSON")
		again, err := DecodeManifest(m.Encode())
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func FuzzDecodeSchedule(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSchedule(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			require.Less(t, len(err.Error()), 600)
			return
		}
		require.True(t, json.Valid(data), "accepted what is not JSON")
		_ = s.Validate()
		again, err := DecodeSchedule(s.Encode())
		require.NoError(t, err)
		if s.Target.Groups == nil || s.Target.PCIDs == nil { // absent is written as empty
			s.Target.Groups, s.Target.PCIDs = again.Target.Groups, again.Target.PCIDs
		}
		require.Equal(t, s, again)
	})
}
