package hostfacts

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/inventory/facts"
)

// bomb is a value of a section that cannot be written.
type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("boom") }

func TestHostileSectionsAreProblems(t *testing.T) {
	t.Parallel()
	h := newHost().facts
	h.Extra = map[string]any{
		"racks": json.RawMessage(`{"n":7}`), "Room_2": map[string]int{"n": 1}, "nothing": nil,
		"a.b": 1, "*": 1, ">": 1, "": 1, "a b": 1, "../../x": 1, "x\x00": 1, strings.Repeat("x", 65): 1, "\xff": 1,
		"hw": 1, "problems": 1, "sw": 1,
		"bomb": bomb{}, "broken": json.RawMessage(`{`), "channel": make(chan int),
	}
	s := newSurvey(pcID, collected{host: h}, time.Now(), plan{})
	found := map[string]bool{}
	for _, x := range s.sections {
		require.False(t, found[x.name], x.name)
		found[x.name] = true
		messages, err := x.messages(4096)
		require.NoError(t, err, x.name)
		for _, data := range messages {
			r, err := Record("name", data)
			require.NoError(t, err)
			require.Equal(t, "inventory.PC-1."+x.name, r.Subject)
		}
	}
	require.Len(t, s.sections, len(everything)+2)
	require.True(t, found["racks"] && found["Room_2"])
	require.Len(t, s.problems, 15)
	for _, p := range s.problems {
		require.NotContains(t, p.Text, "\n")
		require.NotContains(t, p.Section, "\x00")
	}
}

func TestThereIsABoundOfEverything(t *testing.T) {
	t.Parallel()
	h := newHost().facts
	h.Extra = map[string]any{}
	for n := range 500 {
		h.Extra["s"+strings.Repeat("x", n%50)+string(rune('a'+n%26))+string(rune('a'+n/26))] = n
		h.Problems = append(h.Problems, facts.Problem{Section: strings.Repeat("ä", 999), Source: strings.Repeat("b", 999), Text: strings.Repeat("c", 9999)})
	}
	s := newSurvey(pcID, collected{host: h}, time.Now(), plan{})
	require.Len(t, s.sections, len(everything)+maxExtra)
	require.Len(t, s.problems, maxProblems)
	messages, err := s.sections[len(s.sections)-1].messages(1 << 20)
	require.NoError(t, err)
	require.Less(t, len(messages[0]), maxProblems*(3*maxProblem+64))
}

// An error that no problem explains is one.
func TestAnErrorWithoutProblems(t *testing.T) {
	t.Parallel()
	s := newSurvey(pcID, collected{err: errors.New("no such program\nusage: …")}, time.Now(), plan{})
	require.True(t, s.empty())
	require.Equal(t, []wire.InventoryProblem{{Text: "no such program"}}, s.problems)
}

// The messages fit into what the broker takes, and come to the section again.
func TestALargeSectionInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.line.payload = 8 << 10
		programs := make([]string, 2000)
		for i := range programs {
			programs[i] = strings.Repeat("ä\"", 20)
		}
		b.host.install(programs...)
		_, stop := b.start()
		synctest.Wait()
		stop()
		var parts []wire.InventorySection
		for _, r := range b.shelf.got {
			require.LessOrEqual(t, len(r.Data), 8<<10-headers)
			if d, err := wire.DecodeInventorySection(r.Data); err == nil && d.Section == "sw" {
				parts = append(parts, d)
			}
		}
		require.Greater(t, len(parts), 10)
		whole, err := wire.JoinInventory(parts)
		require.NoError(t, err)
		want, err := json.Marshal(b.host.facts.Software)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(whole.Data))
	})
}

// A section that no number of parts holds is left out; the others are not.
func TestASectionThatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.line.payload = 2 << 10
		b.host.install(strings.Repeat("x", 1<<20))
		_, stop := b.start()
		synctest.Wait()
		stop()
		require.Equal(t, []string{"disk", "hardware", "hw", "os", "problems"}, names(b.shelf.take(t)))
	})
}

func TestRecordRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		"", "{}", "null", `{"pc_id":"a b","section":"sw","hash":"","collected_at":"2031-03-04T05:00:00Z","part":1,"parts":1,"data":1}`,
		`{"pc_id":"a","section":">","hash":"","collected_at":"2031-03-04T05:00:00Z","part":1,"parts":1,"data":1}`,
	} {
		_, err := Record("x", []byte(data))
		require.Error(t, err, data)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	h := newHost().facts
	h.Extra = map[string]any{"racks": 7}
	h.Problems = []facts.Problem{{Section: "sw", Text: "x"}, {Section: "os", Text: "y"}}
	got, err := Select(h, nil)
	require.NoError(t, err)
	require.Equal(t, h, got)
	got, err = Select(h, []string{"racks", "sw"})
	require.NoError(t, err)
	require.Equal(t, facts.Host{
		Hostname: "lab", Software: h.Software, Extra: h.Extra, Problems: []facts.Problem{{Section: "sw", Text: "x"}},
	}, got)
	got, err = Select(h, facts.Sections())
	require.NoError(t, err)
	for _, name := range facts.Sections() {
		require.Equal(t, h.Section(name), got.Section(name), name)
	}
	_, err = Select(h, []string{"sw", "nonsense"})
	require.ErrorContains(t, err, `there is no section "nonsense"; there are os, hardware`)
	require.ErrorContains(t, err, "racks")
}

func TestASourceIsAskedOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		h.do = func(ctx context.Context) { <-ctx.Done() }
		s := NewSource(h)
		one, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		first := make(chan error, 1)
		go func() {
			_, err := s.Collect(one)
			first <- err
		}()
		synctest.Wait()
		two, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := s.Collect(two)
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, <-first, "what it returns late counts")
		require.Equal(t, 1, h.times())
		h.change(func(h *host) { h.do = nil })
		found, err := s.Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, "lab", found.Hostname)
	})
}

// What writes itself as JSON is code of the program, which may hang.
type sleeper struct{ until chan struct{} }

func (s sleeper) MarshalJSON() ([]byte, error) { <-s.until; return []byte("1"), nil }

func TestASectionThatHangsWhenItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		until := make(chan struct{})
		b.host.change(func(h *host) { h.facts.Extra = map[string]any{"racks": sleeper{until}} })
		_, stop := b.start()
		pass(collectTimeout + time.Minute)
		found := b.shelf.take(t)
		require.Equal(t, []string{"problems"}, names(found))
		require.Contains(t, string(found["problems"].Data), ErrHangs.Error())
		began := time.Now()
		stop()
		require.LessOrEqual(t, time.Since(began), lastReturn)
		close(until)
	})
}

// Of the sections of a program's own those that cannot be written, or are too large,
// are problems that say so.
func TestForeignSectionsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHost()
	h.facts.Extra = map[string]any{
		"racks": map[string]int{"n": 7}, "bomb": bomb{}, "channel": make(chan int), "huge": strings.Repeat("x", maxSection), "none": nil,
	}
	theirs := h.facts.Extra
	found, err := NewSource(h).Collect(t.Context())
	require.NoError(t, err)
	require.Len(t, theirs, 5, "it belongs to the collector")
	require.Equal(t, map[string]any{"racks": json.RawMessage(`{"n":7}`)}, found.Extra)
	s := newSurvey(pcID, collected{host: found}, time.Now(), plan{})
	require.Len(t, s.problems, 3)
	require.Contains(t, s.problems[0].Text, "boom")
	require.Contains(t, s.problems[1].Text, "unsupported type")
	require.Equal(t, "huge", s.problems[2].Section)
	require.Contains(t, s.problems[2].Text, "it has 33554434 bytes of JSON, and at most 33554432 are allowed")
}

// A name in the settings that nothing comes of is no silence.
func TestSettingsWithAMistypedSection(t *testing.T) {
	t.Parallel()
	s := newSurvey(pcID, collected{host: newHost().facts}, time.Now(), plan{sections: "sw, softwre,hw,,net\t"})
	require.Len(t, s.sections, 3)
	require.Equal(t, []wire.InventoryProblem{
		{Section: "softwre", Source: "inventory_sections", Text: "the settings ask for this section, and it was not found"},
		{Section: "net", Source: "inventory_sections", Text: "the settings ask for this section, and it was not found"},
	}, s.problems)
}
