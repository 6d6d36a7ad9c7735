package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSubjects(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"commands.all":                        CommandsAll(),
		"commands.>":                          CommandsFilter(),
		"commands.pc.LAB-09":                  CommandsPC("LAB-09"),
		"commands.pc.probe.02":                CommandsPC("probe.02"),
		"commands.group.canary":               CommandsGroup("canary"),
		"commands.group.*":                    CommandsGroupFilter(),
		"results." + exampleRequest:           ResultSubject(exampleRequest),
		"results.a.b":                         ResultSubject("a.b"),
		"kill.e-1":                            KillSubject("e-1"),
		"results.>":                           ResultsFilter(),
		"events.started.e-1.LAB-09":           StartedSubject("e-1", "LAB-09"),
		"obs.probe.02":                        ObsSubject("probe.02"),
		"results." + strings.Repeat("x", 512): ResultSubject(strings.Repeat("x", 512)),
	} {
		require.Equal(t, want, got)
	}
}

func TestUnsafeNamesAreHashed(t *testing.T) {
	t.Parallel()
	const blank = "sha256-c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65" // printf 'a b' | sha256sum
	require.Equal(t, "results."+blank, ResultSubject("a b"))
	require.Equal(t, "events.started."+blank+".pc", StartedSubject("a b", "pc"))

	seen := map[string]string{}
	for _, name := range []string{"", ">", "*", "a.", ".a", "a..b", " a b", "\xff", "\xfe", "\x00", strings.Repeat("x", 513)} {
		for _, subject := range []string{CommandsPC(name), CommandsGroup(name), ResultSubject(name), KillSubject(name), ObsSubject(name)} {
			requireSubject(t, subject)
			require.NotContains(t, seen, subject)
			seen[subject] = name
		}
	}
}

// requireSubject demands what a server takes as the subject of a message.
func requireSubject(t *testing.T, subject string) {
	t.Helper()
	require.NotContains(t, subject, " ")
	require.Less(t, len(subject), 2048)
	for token := range strings.SplitSeq(subject, ".") {
		require.NotEmpty(t, token, subject)
	}
	require.False(t, strings.ContainsAny(subject, "*>\t\r\n\x00"), "%q", subject)
}

func TestAddressedTo(t *testing.T) {
	t.Parallel()
	member := []string{"wave1", "canary"}
	tests := []struct {
		subject, pcID string
		groups        []string
		want          bool
	}{
		{"commands.all", "any", nil, true},
		{"commands.pc.minipc-01", "minipc-01", nil, true},
		{"commands.pc.minipc-02", "minipc-01", nil, false},
		{"commands.pc.MINIPC-01", "minipc-01", nil, false},
		{"commands.pc.probe.02", "probe.02", nil, true},
		{"commands.pc.probe.02", "probe", nil, false},
		{"commands.pc.", "", nil, false},
		{"commands.group.canary", "any", member, true},
		{"commands.group.canary", "canary", nil, false},
		{"commands.group.canary", "any", []string{"can"}, false},
		{"commands.group.", "any", []string{""}, false},
		{"commands.weird", "weird", nil, false},
		{"commands.all.x", "x", nil, false},
		{"commands.exec.x", "x", nil, false},
		{"results.x", "x", nil, false},
		{"", "", nil, false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, AddressedTo(tt.subject, tt.pcID, tt.groups), "%+v", tt)
	}
}

func TestKillExecID(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]string{
		KillSubject("e-1"): "e-1", KillSubject("a.b"): "a.b", "kill.": "", "kill": "", "killed.x": "", "results.x": "", "": "",
	} {
		execID, ok := KillExecID(subject)
		require.Equal(t, want != "", ok, subject)
		if ok {
			require.Equal(t, want, execID)
		}
	}
}

func TestKillFiltersMatchEveryKillOnce(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"kill.*", "kill.*.>"}, KillFilters())
}

func TestReplayFilters(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"commands.all", "commands.pc.PC-1"}, ReplayFilters("PC-1", nil))
	require.Equal(t,
		[]string{"commands.all", "commands.group.a.b", "commands.group.canary", "commands.group.wave1", "commands.pc.PC-1"},
		ReplayFilters("PC-1", []string{"wave1", "canary", "a.b", "wave1"}))
}

func TestCommandPCID(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]string{
		CommandsPC("PC-1"): "PC-1", CommandsPC("a.b"): "a.b", "commands.pc.": "", "commands.pc": "", CommandsAll(): "", CommandsGroup("pc"): "",
	} {
		pcID, ok := CommandPCID(subject)
		require.Equal(t, want != "", ok, subject)
		require.Equal(t, want, pcID, subject)
	}
}
