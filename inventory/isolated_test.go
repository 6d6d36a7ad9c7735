package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func child(t *testing.T, how string) *Isolated {
	t.Helper()
	t.Setenv(childEnv, how)
	i := NewIsolated(os.Args[0])
	i.Timeout = 20 * time.Second
	return i.Only("a", "b", "odd")
}

func failures(err error) map[string]string {
	all := make(map[string]string)
	for _, e := range split(err) {
		if s, ok := errors.AsType[*SectionError](e); ok {
			all[s.Section] = s.Err.Error()
		}
	}
	return all
}

func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func TestIsolated(t *testing.T) {
	host, err := child(t, "well").Collect(t.Context())
	require.NoError(t, err)
	require.Empty(t, host.Problems)
	for _, name := range []string{"a", "b", "odd"} {
		require.IsType(t, json.RawMessage{}, host.Section(name))
		require.JSONEq(t, `"`+name+`"`, string(host.Section(name).(json.RawMessage)))
	}
}

// What one section does to the child costs that section, and nothing else.
func TestWhatGoesWrongInAChildCostsOneSection(t *testing.T) {
	for how, want := range map[string]string{
		"fails":  "no such thing",
		"panics": "out of range",
		"hangs":  "it hangs",
		"dies":   "segmentation violation",
		"talks":  "larger than",
	} {
		t.Run(how, func(t *testing.T) {
			i := child(t, how)
			i.MaxResult = 64 << 10
			host, err := i.Collect(t.Context())
			require.Len(t, failures(err), 1)
			require.Contains(t, failures(err)["odd"], want)
			require.NotNil(t, host.Section("a"))
			require.NotNil(t, host.Section("b"))
			require.Nil(t, host.Section("odd"))
			require.NotEmpty(t, host.Problems)
		})
	}
}

func TestAChildThatSaysNothingIsKilled(t *testing.T) {
	i := child(t, "mute").Only("odd")
	i.Timeout = 50 * time.Millisecond
	_, err := i.Collect(t.Context())
	require.Contains(t, failures(err)["odd"], "killed")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestTheEndOfTheCallersContextEndsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := child(t, "mute").Collect(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAChildThatCannotBeStarted(t *testing.T) {
	_, err := NewIsolated("/no/such/program").Collect(t.Context())
	require.ErrorContains(t, err, "start collector")
	require.Len(t, failures(err), len(facts.Sections()))
	_, err = NewIsolated().Collect(t.Context())
	require.ErrorContains(t, err, "no command given")
}

// Credentials of the agent are not the collector's business.
func TestAChildGetsNoSecrets(t *testing.T) {
	t.Setenv("KANADE_NATS_TOKEN", "hush")
	for _, entry := range NewIsolated("x").environ(nil) {
		require.NotContains(t, entry, "hush")
	}
}
