package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStreams(t *testing.T) {
	t.Parallel()
	const days = 24 * time.Hour
	require.Equal(t, []StreamSpec{
		{"INVENTORY", []string{"inventory.>"}, 90 * days, -1},
		{"RESULTS", []string{"results.>"}, 30 * days, -1},
		{"EXEC", []string{"commands.>"}, 7 * days, 1},
		{"EVENTS", []string{"events.>"}, 7 * days, -1},
		{"AUDIT", []string{"audit.>"}, 0, -1},
		{"OBS_EVENTS", []string{"obs.>"}, 90 * days, -1},
	}, Streams())

	Streams()[0].Subjects[0] = "changed"
	require.Equal(t, "inventory.>", Streams()[0].Subjects[0], "each caller gets its own copy")
}

func TestBucketsAndStores(t *testing.T) {
	t.Parallel()
	require.Equal(t, []BucketSpec{
		{"script_current", 5},
		{"script_status", 5},
		{"agents_state", 1},
		{"agent_config", 5},
		{"agent_groups", 5},
		{"schedules", 5},
		{"jobs", 5},
		{"jobs_yaml", 5},
		{"schedules_yaml", 5},
	}, Buckets())
	require.Equal(t, []ObjectStoreSpec{
		{"agent_releases", 0}, {"app_packages", 0}, {"scripts", 0}, {"result_output", 30 * 24 * time.Hour},
	}, ObjectStores())
}

func TestReplayConsumer(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"MINIPC-01":       "agent_replay_MINIPC-01",
		"PC.001":          "agent_replay_PC_001",
		"PC_001":          "agent_replay_PC_001",
		"host with space": "agent_replay_host_with_space",
		"größe":           "agent_replay_gr__e",
		"a\xffb":          "agent_replay_a_b",
	}
	for id, want := range tests {
		require.Equal(t, want, ReplayConsumer(id))
	}
	longest := strings.Repeat("x", maxPCIDBytes)
	require.NoError(t, ValidatePCID(longest))
	require.Len(t, ReplayConsumer(longest), 255)
}

func TestClientName(t *testing.T) {
	t.Parallel()
	require.Equal(t, "kanade-agent/LAB-09", ClientName("LAB-09"))
}

func TestValidatePCID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a", "MINIPC-01", "PC.001", "a.b.c.d", "größe", "\uFFFD", "host_1", "$x", "a/b", "日本", strings.Repeat("x", 242)} {
		require.NoError(t, ValidatePCID(id), "%q", id)
	}
	for id, want := range map[string]string{
		"":                        "it is empty",
		".":                       "nothing before '.' at byte 0",
		".a":                      "nothing before '.' at byte 0",
		"a.":                      "nothing after '.' at byte 1",
		"a..b":                    "nothing before '.' at byte 2",
		"a.b.c.d.e":               "5 labels separated by dots; at most 4",
		"a*":                      "'*' at byte 1 is a wildcard",
		">":                       "'>' at byte 0 is a wildcard",
		"my host":                 "' ' at byte 2 is a blank",
		"ü\u00a0":                 `'\u00a0' at byte 2 is a blank`,
		"a\u3000b":                `'\u3000' at byte 1 is a blank`,
		"a\tb":                    `'\t' at byte 1 is a control character`,
		"a\nb":                    `'\n' at byte 1 is a control character`,
		"a\x00":                   `'\x00' at byte 1 is a control character`,
		"a\x7f":                   `'\x7f' at byte 1 is a control character`,
		"a\u0085":                 `'\u0085' at byte 1 is a control character`,
		"\ufeffa":                 `'\ufeff' at byte 0 is invisible`,
		"a\u200bb":                `'\u200b' at byte 1 is invisible`,
		"a\u202eb":                `'\u202e' at byte 1 is invisible`,
		"a\xff":                   "byte 1 (0xff) is not valid UTF-8",
		"a\xef\xbf":               "byte 1 (0xef) is not valid UTF-8",
		"\uFFFD\xef":              "byte 3 (0xef) is not valid UTF-8",
		strings.Repeat("x", 243):  "243 bytes; at most 242 are allowed",
		strings.Repeat("ä.", 200): "600 bytes; at most 242 are allowed",
	} {
		err := ValidatePCID(id)
		require.ErrorIs(t, err, ErrInvalid, "%q", id)
		require.ErrorContains(t, err, "wire: invalid pc_id: "+want)
	}
}

func TestSubjectSafe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "a.b", "a.b.c.d.e.f", exampleRequest, "größe", "$JS", "x/y", strings.Repeat("x", 512)} {
		require.NoError(t, SubjectSafe(name), name)
	}
	for _, name := range []string{"", ".", "a.", ".a", "a..b", "a b", "*", "a.>", "a*b", "a\r\n", "a\x00", "\xff", strings.Repeat("x", 513)} {
		require.ErrorIs(t, SubjectSafe(name), ErrInvalid, "%q", name)
	}
}

func TestValidateGroup(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"canary", "dept.eng", "Ü-1", "all", "sha256-x"} {
		require.NoError(t, ValidateGroup(name), name)
	}
	for name, why := range map[string]string{
		"": "empty", "*": "wildcard", ">": "wildcard", "a.>": "wildcard", "a b": "blank", "a.": "nothing after", ".a": "nothing before",
		"\x00": "control", "\xff": "UTF-8", strings.Repeat("x", 513): "at most 512",
	} {
		err := ValidateGroup(name)
		require.ErrorIs(t, err, ErrInvalid, "%q", name)
		require.ErrorContains(t, err, "group")
		require.ErrorContains(t, err, why)
	}
}
