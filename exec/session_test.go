package exec

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCandidates(t *testing.T) {
	t.Parallel()
	services := session{id: 0}
	tests := []struct {
		name     string
		console  uint32
		sessions []session
		want     []uint32
	}{
		{"nobody anywhere", noConsole, []session{services}, nil},
		{"nothing known", noConsole, nil, nil},
		{"console alone", 1, []session{services, {1, true}}, []uint32{1}},
		{"console at the logon screen", 1, []session{services, {1, false}}, []uint32{1}},
		{"sessions cannot be listed", 2, nil, []uint32{2}},
		{"console before remote", 5, []session{{3, true}, {5, true}}, []uint32{5, 3}},
		{"remote in order", 1, []session{{7, true}, {1, false}, {3, true}}, []uint32{1, 3, 7}},
		{"remote alone", noConsole, []session{{9, true}, {4, true}}, []uint32{4, 9}},
		{"disconnected user", noConsole, []session{{3, false}}, nil},
		{"listener", noConsole, []session{{65536, false}, {2, true}}, []uint32{2}},
		{"session 0 is nobody's", 0, []session{{0, true}, {2, true}}, []uint32{2}},
		{"no session has the number of none", noConsole, []session{{noConsole, true}}, nil},
		{"listed twice", 1, []session{{2, true}, {2, true}}, []uint32{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, candidates(tt.console, tt.sessions))
		})
	}
}

func TestWhyNobodyIsRunAs(t *testing.T) {
	t.Parallel()
	err := noUser(AsUser, nil)
	require.ErrorIs(t, err, ErrNoUser)
	require.EqualError(t, err, "run as user: no user is logged on: log on at the console or by remote desktop, or use run_as system")

	cause := errors.New("the service is stopped")
	err = noUser(AsSystemGUI, cause)
	require.ErrorIs(t, err, ErrNoUser)
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "run as system_gui: ")
	require.ErrorContains(t, err, "(the service is stopped)")

	err = notSystem(AsUser, "ask for the user of session 2", cause)
	require.ErrorIs(t, err, ErrNotSystem)
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "run as user: ask for the user of session 2: only LocalSystem may start a program in the session of a user: "+
		"run the agent as a service under that account (the service is stopped)")
}

func TestAsHasNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "system", AsSystem.String())
	require.Equal(t, "user", AsUser.String())
	require.Equal(t, "system_gui", AsSystemGUI.String())
	require.Equal(t, "unknown", As(3).String())
	require.Equal(t, "unknown", As(-1).String())
	require.Zero(t, AsSystem, "a Spec that says nothing runs as this process")
}

func TestOffspring(t *testing.T) {
	t.Parallel()
	root := process{id: 10, parent: 1, born: 100}
	tests := []struct {
		name string
		all  []process
		want []uint32
	}{
		{"alone", []process{root}, nil},
		{"children", []process{root, {11, 10, 110}, {12, 10, 120}}, []uint32{11, 12}},
		{"whole line, in any order", []process{{13, 12, 130}, {12, 11, 120}, {11, 10, 110}}, []uint32{11, 12, 13}},
		{"others", []process{{2, 1, 50}, {20, 2, 200}, {11, 10, 110}}, []uint32{11}},
		{"older than its parent", []process{{11, 10, 99}}, nil},
		{"as old as its parent", []process{{11, 10, 100}}, []uint32{11}},
		{"its own parent", []process{{11, 11, 110}}, nil},
		{"a ring", []process{{11, 12, 110}, {12, 11, 110}}, nil},
		{"root again", []process{{10, 10, 100}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			known := map[uint32]process{root.id: root}
			var got []uint32
			for _, p := range offspring(tt.all, known) {
				got = append(got, p.id)
			}
			require.ElementsMatch(t, tt.want, got)
			require.Empty(t, offspring(tt.all, known), "all of them are known now")
		})
	}
}

func TestOffspringOfTheDead(t *testing.T) {
	t.Parallel()
	known := map[uint32]process{10: {10, 1, 100}}
	require.Len(t, offspring([]process{{11, 10, 110}}, known), 1)
	require.Len(t, offspring([]process{{12, 11, 120}}, known), 1, "11 has been ended, and is no longer listed")
}
