package schedule

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func newCompletions(t *testing.T, content string) *completions {
	t.Helper()
	c := &completions{fs: atomicfile.OS, path: filepath.Join(t.TempDir(), CompletionsFile)}
	if content != "" {
		require.NoError(t, os.WriteFile(c.path, []byte(content), 0o600))
	}
	return c
}

// The file is the reference release's, in both directions.
func TestTheFormOfCompletions(t *testing.T) {
	t.Parallel()
	const golden = "{\n" +
		"  \"nightly-disk::disk-report\": \"2031-03-04T05:06:07Z\",\n" +
		"  \"ä<b>::j\": \"2031-03-04T05:06:07.123456700Z\"\n" +
		"}"
	c := newCompletions(t, golden)
	warning, err := c.load()
	require.NoError(t, err)
	require.NoError(t, warning)
	last, ok := c.get("nightly-disk::disk-report")
	require.True(t, ok)
	require.Equal(t, time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC), last)
	last, _ = c.get("ä<b>::j")
	c.set("ä<b>::j", last)
	require.NoError(t, c.save())
	written, err := os.ReadFile(c.path)
	require.NoError(t, err)
	require.Equal(t, strings.Split(golden, "\n"), strings.Split(string(written), "\n"), "to the byte")
	empty, err := encodeCompletions(nil)
	require.NoError(t, err)
	require.Equal(t, "{}", string(empty))
}

func TestCompletionsThatAreDamaged(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]int{
		"": 0, "{}": 0, "\x00\x00": -1, "null": -1, "[]": -1, `{"a::b":"2031-03-04T05:06:07Z"`: -1,
		`{"a::b":"2031-03-04T05:06:07Z","c::d":5,"e::f":"soon"}`: 1,
		strings.Repeat(" ", maxCompletions+1):                    -1,
	} {
		c := newCompletions(t, content)
		warning, err := c.load()
		require.NoError(t, err)
		require.Len(t, c.last, max(want, 0))
		if want < 0 {
			require.ErrorIs(t, warning, statefile.ErrDamaged)
			require.FileExists(t, c.path+statefile.BrokenSuffix)
		}
		if want == 1 {
			require.ErrorContains(t, warning, "2 entries have no readable time")
		}
		c.set("new::j", time.Unix(0, 0))
		require.NoError(t, c.save())
		again := &completions{fs: c.fs, path: c.path}
		warning, err = again.load()
		require.NoError(t, err)
		require.NoError(t, warning)
		require.Len(t, again.last, max(want, 0)+1)
	}
}

func TestCompletionsAreNotOverwrittenUnread(t *testing.T) {
	t.Parallel()
	c := newCompletions(t, `{"a::b":"2031-03-04T05:06:07Z"}`)
	c.set("c::d", time.Unix(1, 0))
	require.ErrorIs(t, c.save(), errUnread)
	_, err := c.load()
	require.NoError(t, err)
	require.Len(t, c.last, 2)
	require.NoError(t, c.save())
}

func TestCompletionsArePruned(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newCompletions(t, "")
	c.set("here::j", now.AddDate(-9, 0, 0))
	c.set("gone::j", now.Add(-keepGone))
	c.set("longgone::j", now.Add(-keepGone-1))
	c.set("site::nightly::j", now.AddDate(-9, 0, 0))
	here := map[string]bool{"here": true, "site::nightly": true}
	c.prune(now, here)
	require.Len(t, c.last, 3)
	require.Contains(t, c.last, "site::nightly::j", "an ID may hold the separator")
	require.NotContains(t, c.last, "longgone::j")
	for i := range maxGone {
		c.set(fmt.Sprint("gone", i, "::j"), now)
	}
	c.prune(now, here)
	require.Len(t, c.last, maxGone+2)
	require.NotContains(t, c.last, "gone::j", "the oldest go first")
	require.Contains(t, c.last, "here::j")
}

// The forms on disk are what earlier releases wrote, and read: hosts go back to them.
func TestTheFormOfTheFiles(t *testing.T) {
	t.Parallel()
	const at = `"2031-03-04T05:06:07.000000008Z"`
	day := time.Date(2031, 3, 4, 5, 6, 7, 8, time.UTC)
	m := mark{Cron: "0 * * * * *", At: day, Counted: day, Armed: day, Since: day, From: day}
	aMark := `{"cron":"0 * * * * *","at":` + at + `,"counted":` + at + `,"armed":` + at + `,"since":` + at + `,"from":` + at + `}`
	for name, c := range map[string]struct {
		body      any
		sum, want string
	}{
		wire.BucketSchedules: {
			body: rowsFile{Saved: day, Rows: map[string]string{"s": "<{\"id\":\"s\"}>"}},
			sum:  "11c299ef90b885c312124e14f4b670e28cace4b77bdb605e5e431147a8bba684",
			want: `{"saved":` + at + `,"rows":{"s":"\u003c{\"id\":\"s\"}\u003e"}}`,
		},
		stateName: {
			body: stateFile{
				Clock: stamp{day, day}, Marks: map[string]mark{"s": m}, Digests: map[string]string{"o": "ab"}, Done: map[string]stamp{"s::j": {day, day}},
				Flights: map[string]flight{"id": {Key: "s", Completion: "s::j", Due: day, Once: true, Before: m}},
			},
			sum: "ae2a6fccc4f46dc5e0cb7f8255b7bab6a4b1f650e8931d50d0ef3be63830bf27",
			want: `{"clock":{"wall":` + at + `,"counted":` + at + `},"marks":{"s":` + aMark + `},"flights":{"id":{"schedule":"s","completion":"s::j","due":` + at +
				`,"once":true,"before":` + aMark + `}},"digests":{"o":"ab"},"done":{"s::j":{"wall":` + at + `,"counted":` + at + `}}}`,
		},
	} {
		d := newDocument(Config{FS: atomicfile.OS, Dir: t.TempDir(), PCID: "PC-1"}, name)
		require.NoError(t, d.save(c.body))
		data, err := os.ReadFile(d.Path)
		require.NoError(t, err)
		require.Equal(t, `{"format":1,"pc_id":"PC-1","sha256":"`+c.sum+`","body":`+c.want+"}\n", string(data))
	}
}

// A row that is broken and mended with the value it had before is a problem no more.
func TestABrokenRowThatIsPutBack(t *testing.T) {
	runOne(t, wire.Schedule{Cron: "0 0 3 * * *"}, func(t *testing.T, b *bench) {
		for n := range 2 {
			b.put(wire.BucketSchedules, "s", "{")
			require.Len(t, b.Status().Problems, 1)
			b.schedule(wire.Schedule{Cron: "0 0 3 * * *"})
			require.Empty(t, b.Status().Problems)
			require.Equal(t, n+1, b.logs.Count("row of bucket"), "it is told again when it breaks again")
		}
	})
}

func FuzzCompletions(f *testing.F) {
	f.Add([]byte(`{"a::b":"2031-03-04T05:06:07Z","c::d":5}`))
	f.Add([]byte("{}"))
	f.Add([]byte(`{"":"2031-03-04 05:06:07 +0900"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := decodeCompletions(data)
		if found == nil {
			require.ErrorIs(t, err, statefile.ErrDamaged)
			return
		}
		require.True(t, json.Valid(data))
		written, err := encodeCompletions(found)
		require.NoError(t, err)
		again, err := decodeCompletions(written)
		require.NoError(t, err)
		require.Equal(t, found, again)
	})
}
