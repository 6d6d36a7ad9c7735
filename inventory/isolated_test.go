package inventory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func child(t *testing.T, how string) *Isolated {
	t.Helper()
	i := NewIsolated(os.Args[0])
	i.Env = []string{childEnv + "=" + how}
	i.Timeout = time.Minute // a busy machine takes seconds for what a child does
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

// What a child that is no collector writes is no result, and costs what it did not
// tell.
func TestGarbageInPlaceOfAResult(t *testing.T) {
	for how, want := range map[string]string{"binary": "invalid character", "text": "invalid character", "half": "unexpected EOF", "wrong": "cannot unmarshal"} {
		t.Run(how, func(t *testing.T) {
			_, err := child(t, how).Only("os", "net").Collect(t.Context())
			all := failures(err)
			require.Len(t, all, 2)
			for _, name := range []string{"os", "net"} {
				require.Contains(t, all[name], want)
			}
		})
	}
}

// A child whose kill is of no use, because it hangs within the system, is left
// behind. There are few of them, ever; afterwards it heals.
func TestAChildThatCannotBeKilled(t *testing.T) {
	i := child(t, "mute").Only("odd")
	i.Timeout, i.late = time.Millisecond, 50*time.Millisecond
	var left []*exec.Cmd
	i.kill = func(c *exec.Cmd) { left = append(left, c) }
	for len(left) < maxChildren {
		_, err := i.Collect(t.Context())
		require.ErrorIs(t, err, ErrBusy)
	}
	_, err := i.Collect(t.Context())
	require.ErrorContains(t, err, "children that cannot be killed hang")
	require.Len(t, left, maxChildren)
	for _, c := range left {
		killTree(c)
	}
	require.Eventually(t, func() bool { return len(i.alive) == 0 }, time.Minute, 10*time.Millisecond)
	well := child(t, "well")
	well.alive = i.alive
	_, err = well.Collect(t.Context())
	require.NoError(t, err)
}

// Credentials of the agent are not the collector's business, nor are those of the
// program that embeds it.
func TestAChildGetsNoSecrets(t *testing.T) {
	for _, name := range []string{"KANADE_NATS_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "PATHS"} {
		t.Setenv(name, "hush")
	}
	i := NewIsolated("x")
	i.Env = []string{"RACK=7"}
	env := i.environ([]string{"os", "net"})
	for _, entry := range env {
		require.NotContains(t, entry, "hush")
	}
	require.Contains(t, env, "RACK=7")
	require.Contains(t, env, "PATH="+os.Getenv("PATH"))
	require.Contains(t, env, envSections+"=os,net")
}

func FuzzChild(f *testing.F) {
	f.Add([]byte("{\"section\":\"os\",\"data\":{\"family\":\"x\"}}\n"))
	f.Add([]byte("{\"section\":\"racks\",\"data\":7,\"failed\":\"x\",\"problems\":[{\"text\":\"y\"}]}\n{"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		var host facts.Host
		_ = readFindings(bufio.NewReader(bytes.NewReader(data)), func(f finding) { _ = f.into(&host) })
	})
}
