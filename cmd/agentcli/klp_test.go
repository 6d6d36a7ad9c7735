package agentcli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhereProgramsOfTheHostAreServed(t *testing.T) {
	t.Parallel()
	env := func(value string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			require.Equal(t, "KANADE_KLP", name)
			return value, value != ""
		}
	}
	flag := func(values ...string) flagValues { return flagValues{"klp": &values} }
	for _, row := range []struct {
		env   string
		flags flagValues
		want  int
	}{
		{"off", flag(), 0},
		{"", flag("off"), 0},
		{"/some/where", flag("off"), 0},
		{"off", flag("/some/where"), 1},
		{"off", flag("off", "/some/where"), 1},
		{"/some/where", flag(), 1},
	} {
		require.Len(t, klpOptions(row.flags, env(row.env)), row.want, "%v", row)
	}
	if klpPlace() {
		require.Len(t, klpOptions(flag(), env("")), 1)
	} else {
		require.Empty(t, klpOptions(flag(), env("")))
	}
}
