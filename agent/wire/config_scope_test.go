package wire

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigScopeGolden(t *testing.T) {
	t.Parallel()
	full := ConfigScope{
		TargetVersion: new("0.44.0"), TargetVersionJitter: new("20m"), HeartbeatInterval: new("15s"),
		ProcessPerfEnabled: new(true), ProcessPerfExpiresAt: new(at(2031, 3, 4, 6, 0, 0, 0)), ProcessPerfTopN: new(uint32(10)),
	}
	require.NoError(t, full.Validate())
	read, err := DecodeConfigScope(golden(t, "contract/config_scope.json", full.Encode()))
	require.NoError(t, err)
	require.Equal(t, full, read)
	require.Equal(t, "{}", string(ConfigScope{}.Encode()))
	two := ConfigScope{TargetVersion: new("0.3.0"), HeartbeatInterval: new("15s")}
	golden(t, "config_scope_two.json", two.Encode())
	newer := ConfigScope{MaxLocalConcurrent: new(uint64(4))}
	require.NoError(t, newer.Validate())
	read, err = DecodeConfigScope(golden(t, "config_scope_newer.json", newer.Encode()))
	require.NoError(t, err)
	require.Equal(t, newer, read)
}

func TestDecodeConfigScope(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]ConfigScope{
		`{}`:   {},
		` {} `: {},
		`{"new":{"a":[1,null]},"heartbeat_interval":"5s"}`:                                                        {HeartbeatInterval: new("5s")},
		`{"target_version":null,"heartbeat_interval":null,"process_perf_enabled":null,"process_perf_top_n":null}`: {},
		`{"process_perf_expires_at":null,"host_perf_interval":null,"target_version_jitter":null}`:                 {},
		`{"target_version":""}`: {TargetVersion: new("")},
		`{"heartbeat_interval":"-5s","host_perf_interval":"soon"}`:          {HeartbeatInterval: new("-5s"), HostPerfInterval: new("soon")},
		`{"process_perf_enabled":false,"process_perf_top_n":0}`:             {ProcessPerfEnabled: new(false), ProcessPerfTopN: new(uint32(0))},
		`{"process_perf_top_n":4294967295}`:                                 {ProcessPerfTopN: new(uint32(4294967295))},
		`{"max_local_concurrent":null}`:                                     {},
		`{"max_local_concurrent":1}`:                                        {MaxLocalConcurrent: new(uint64(1))},
		`{"max_local_concurrent":18446744073709551615}`:                     {MaxLocalConcurrent: new(uint64(18446744073709551615))},
		`{"process_perf_expires_at":"2031-03-04T07:00:00+01:00"}`:           {ProcessPerfExpiresAt: new(at(2031, 3, 4, 6, 0, 0, 0))},
		`{"target_version_jitter":"584542046090years","z":"é\ud83d\ude00"}`: {TargetVersionJitter: new("584542046090years")},
	} {
		got, err := DecodeConfigScope([]byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, want, got, doc)
	}
}

func TestDecodeConfigScopeRefuses(t *testing.T) {
	t.Parallel()
	for doc, says := range map[string]string{
		``:                                  "expected an object",
		`not-json`:                          "expected an object",
		`null`:                              "expected an object, found null",
		`[]`:                                "expected an object, found an array",
		`{"heartbeat_interval":30}`:         `field "heartbeat_interval": expected a string, found "30"`,
		`{"heartbeat_interval":["30s"]}`:    `field "heartbeat_interval": expected a string, found an array`,
		`{"process_perf_enabled":"true"}`:   `field "process_perf_enabled": expected true or false, found a string`,
		`{"process_perf_enabled":1}`:        `field "process_perf_enabled": expected true or false, found "1"`,
		`{"process_perf_top_n":-1}`:         `field "process_perf_top_n": expected a whole number from 0 to 4294967295, found "-1"`,
		`{"process_perf_top_n":5.0}`:        `field "process_perf_top_n": expected a whole number`,
		`{"process_perf_top_n":4294967296}`: `field "process_perf_top_n": expected a whole number from 0 to 4294967295, found "4294967296"`,
		`{"process_perf_top_n":"5"}`:        `field "process_perf_top_n": expected a whole number`,
		`{"process_perf_expires_at":"2031-03-04T06:00:00"}`: `field "process_perf_expires_at": expected an RFC 3339 timestamp with offset`,
		`{"target_version":1.5}`:                            `field "target_version": expected a string`,
		`{"max_local_concurrent":0}`:                        `field "max_local_concurrent": expected a whole number from 1 to 18446744073709551615, found "0"`,
		`{"max_local_concurrent":-1}`:                       `field "max_local_concurrent": expected a whole number from 1`,
		`{"max_local_concurrent":-0}`:                       `field "max_local_concurrent": expected a whole number from 1`,
		`{"max_local_concurrent":2.0}`:                      `field "max_local_concurrent": expected a whole number from 1`,
		`{"max_local_concurrent":"4"}`:                      `field "max_local_concurrent": expected a whole number from 1`,
		`{"max_local_concurrent":18446744073709551616}`:     `field "max_local_concurrent": expected a whole number from 1`,
		`{"a":1,"a":2}`:                                     "the key appears twice",
		`{} {}`:                                             "expected the end of the document",
		"{\"target_version\":\"\xff\"}":                     "expected valid UTF-8",
	} {
		got, err := DecodeConfigScope([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.ErrorContains(t, err, says, doc)
		require.Equal(t, ConfigScope{}, got)
	}
}

func TestConfigScopeValidate(t *testing.T) {
	t.Parallel()
	err := ConfigScope{HeartbeatInterval: new("30"), HostPerfInterval: new(""), TargetVersionJitter: new("1 M"), ProcessPerfExpiresAt: new(time.Time{}), MaxLocalConcurrent: new(uint64(0))}.Validate()
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "heartbeat_interval")
	require.ErrorContains(t, err, "host_perf_interval")
	require.ErrorContains(t, err, "process_perf_expires_at")
	require.ErrorContains(t, err, "max_local_concurrent")
	require.NotContains(t, err.Error(), "target_version_jitter")
}

func TestAgentGroups(t *testing.T) {
	t.Parallel()
	g, err := DecodeAgentGroups(golden(t, "contract/groups.json", AgentGroups{Groups: []string{"lab", "canary", "lab"}}.Encode()))
	require.NoError(t, err)
	require.Equal(t, AgentGroups{Groups: []string{"canary", "lab"}}, g)
	require.NoError(t, g.Validate())
	golden(t, "groups_none.json", AgentGroups{}.Encode())

	for doc, want := range map[string][]string{
		`{"groups":[]}`:                              {},
		`{"groups":["zeta","alpha","mu"]}`:           {"alpha", "mu", "zeta"},
		`{"groups":["wave1","wave1"],"unknown":[1]}`: {"wave1"},
		`{"groups":["a.b","größe","Wave1","wave1"]}`: {"Wave1", "a.b", "größe", "wave1"},
	} {
		g, err := DecodeAgentGroups([]byte(doc))
		require.NoError(t, err, doc)
		members, err := g.Members()
		require.NoError(t, err, doc)
		require.Equal(t, want, members, doc)
	}
	for doc, says := range map[string]string{
		`{}`:                    `field "groups" is missing`,
		`{"groups":null}`:       "expected an array of strings, found null",
		`{"groups":"canary"}`:   "expected an array of strings, found a string",
		`{"groups":["a",1]}`:    `expected a string, found "1"`,
		`{"groups":["a",null]}`: "expected a string, found null",
		`["a"]`:                 "expected an object",
		``:                      "expected an object",
	} {
		_, err := DecodeAgentGroups([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.ErrorContains(t, err, says, doc)
	}
}

func TestMembersLeavesOutWhatCannotBeAGroup(t *testing.T) {
	t.Parallel()
	members, err := AgentGroups{Groups: []string{"ok", "a.*", ">", "", "a b", "x..y", "\x00"}}.Members()
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, `group "a.*"`)
	require.Equal(t, []string{"ok"}, members)

	var many []string
	for i := range 2 * MaxGroups {
		many = append(many, fmt.Sprintf("g%04d", i))
	}
	members, err = AgentGroups{Groups: many}.Members()
	require.ErrorContains(t, err, "512 are more than the 256 that a host can be in")
	require.Equal(t, many[:MaxGroups], members)

	for i := range many {
		many[i] += ".*"
	}
	members, err = AgentGroups{Groups: many}.Members()
	require.NotNil(t, members)
	require.Empty(t, members)
	require.Less(t, len(err.Error()), 2_000, "a message stays short, whatever came")
}

func TestKeySafe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "PC-1.lab", "a/b=c_d", "0"} {
		require.NoError(t, KeySafe(name), name)
	}
	for _, name := range []string{"", ".a", "a.", "a..b", "a b", "a*", ">", "größe", "a:b", "a\x00", "\xff", string(make([]byte, 600))} {
		require.ErrorIs(t, KeySafe(name), ErrInvalid, "%q", name)
	}
}

func TestScriptRows(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckScriptStatus([]byte("ACTIVE")))
	require.NoError(t, CheckScriptStatus([]byte("REVOKED")))
	for _, value := range []string{"", "revoked", "REVOKED\n", " REVOKED", `"REVOKED"`, "DELETED"} {
		require.ErrorIs(t, CheckScriptStatus([]byte(value)), ErrInvalid, "%q", value)
	}
	for _, value := range []string{"1.4.0", "", " 1 ", "größe"} {
		require.NoError(t, CheckScriptVersion([]byte(value)), "%q", value)
	}
	for _, value := range []string{"\xff", string(make([]byte, 1025))} {
		require.ErrorIs(t, CheckScriptVersion([]byte(value)), ErrInvalid)
	}
	require.True(t, ScriptState{Revoked: true}.Refuses("1"))
	require.True(t, ScriptState{Pinned: true, Version: "1.0"}.Refuses("1.0.0"), "versions are compared as text")
	require.False(t, ScriptState{Pinned: true, Version: "1"}.Refuses("1"))
	require.True(t, ScriptState{Pinned: true}.Refuses("1"), "an empty pin is a pin")
	require.False(t, ScriptState{}.Refuses("1"))
}
