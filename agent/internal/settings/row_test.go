package settings

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// view makes a view of values; each key's revision is one more than the last one's.
func view(revision uint64, values ...string) map[string]retry.Entry {
	entries := make(map[string]retry.Entry)
	for i := 0; i < len(values); i += 2 {
		entries[values[i]] = retry.Entry{Value: []byte(values[i+1]), Revision: revision + uint64(i/2)}
	}
	return entries
}

var statusPolicy = newScripts(Config{}, func(_ Config, _ string, p policy) *mirror { return &mirror{policy: p} }).status.policy

func TestFold(t *testing.T) {
	t.Parallel()
	revoked := map[string]row{"a": {Value: "REVOKED", Revision: 5}}
	for name, c := range map[string]struct {
		old      map[string]row
		view     map[string]retry.Entry
		want     map[string]row
		bad      []string
		vanished []string
	}{
		"first":                     {view: view(1, "a", "ACTIVE", "b", "REVOKED"), want: map[string]row{"a": {Value: "ACTIVE", Revision: 1}, "b": {Value: "REVOKED", Revision: 2}}},
		"the same again":            {old: revoked, view: view(9, "a", "REVOKED"), want: map[string]row{"a": {Value: "REVOKED", Revision: 9}}},
		"taken back":                {old: revoked, view: view(9, "a", "ACTIVE"), want: map[string]row{"a": {Value: "ACTIVE", Revision: 9}}},
		"an active one vanishes":    {old: map[string]row{"a": {Value: "ACTIVE", Revision: 5}}, view: view(1), want: map[string]row{}},
		"a revoked one vanishes":    {old: revoked, view: view(1), want: map[string]row{"a": {Value: "REVOKED", Revision: 5, Kept: true}}, vanished: []string{"a"}},
		"it has vanished":           {old: map[string]row{"a": {Value: "REVOKED", Revision: 5, Kept: true}}, view: view(1, "b", "ACTIVE"), want: map[string]row{"a": {Value: "REVOKED", Revision: 5, Kept: true}, "b": {Value: "ACTIVE", Revision: 1}}},
		"it comes back":             {old: map[string]row{"a": {Value: "REVOKED", Revision: 5, Kept: true}}, view: view(2, "a", "REVOKED"), want: map[string]row{"a": {Value: "REVOKED", Revision: 2}}},
		"it comes back, taken back": {old: map[string]row{"a": {Value: "REVOKED", Revision: 5, Kept: true}}, view: view(2, "a", "ACTIVE"), want: map[string]row{"a": {Value: "ACTIVE", Revision: 2}}},
		"broken, never good":        {view: view(1, "a", "revoked"), want: map[string]row{}, bad: []string{"a@1"}},
		"broken, good before":       {old: revoked, view: view(9, "a", "x"), want: revoked, bad: []string{"a@9"}},
		"broken, then gone":         {old: revoked, view: view(9), want: map[string]row{"a": {Value: "REVOKED", Revision: 5, Kept: true}}, vanished: []string{"a"}},
		"a name that no key can be": {view: view(1, "größe", "REVOKED", "a..b", "REVOKED", "\xff", "ACTIVE"), want: map[string]row{}, bad: []string{"a..b@2", "größe@1", "\xff@3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := maps.Clone(c.old)
			f, err := statusPolicy.fold(c.old, c.view)
			require.NoError(t, err)
			require.Equal(t, c.want, f.rows)
			require.Equal(t, c.vanished, f.vanished)
			var bad []string
			for _, b := range f.bad {
				require.ErrorIs(t, b.Err, wire.ErrInvalid)
				bad = append(bad, fmt.Sprintf("%s@%d", b.Key, b.Revision))
			}
			require.Equal(t, c.bad, bad)
			require.Equal(t, before, c.old, "rows in force are never changed")
		})
	}
}

func TestFoldRefusesTooMuch(t *testing.T) {
	t.Parallel()
	p := policy{check: func(string, []byte) error { return nil }}
	entries := map[string]retry.Entry{}
	long := []byte(strings.Repeat("x", 1<<20))
	for i := range 8 {
		entries[fmt.Sprint(i)] = retry.Entry{Value: long}
	}
	_, err := p.fold(nil, entries)
	require.ErrorIs(t, err, errTooMuch)
	delete(entries, "0")
	_, err = p.fold(nil, entries)
	require.NoError(t, err)
}

func TestDocumentsAreBounded(t *testing.T) {
	t.Parallel()
	check := document(wire.DecodeConfigScope)
	fits := `{"x":"` + strings.Repeat("y", maxDocument-8) + `"}`
	require.Len(t, fits, maxDocument)
	require.NoError(t, check("global", []byte(fits)))
	require.ErrorIs(t, check("global", []byte(fits+" ")), errLongDocument)
	require.ErrorIs(t, check("global", []byte("[]")), wire.ErrDecode)
}

// Whatever order the last values of the keys arrive in, and whatever came before
// them that was not good: the rows in force are the same.
func TestFoldDoesNotDependOnTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	values := []string{"ACTIVE", "REVOKED", "", "REVOKED ", "x"}
	for range 500 {
		final := map[string]retry.Entry{}
		for _, key := range []string{"a", "b", "c", "d/1"} {
			if random.IntN(5) > 0 {
				final[key] = retry.Entry{Value: []byte(values[random.IntN(2)]), Revision: uint64(random.IntN(100))}
			}
		}
		whole, err := statusPolicy.fold(nil, final)
		require.NoError(t, err)

		keys := slices.Sorted(maps.Keys(final))
		random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		rows, seen := map[string]row{}, map[string]retry.Entry{}
		for _, key := range keys {
			for _, noise := range []string{values[2+random.IntN(3)], string(final[key].Value)} {
				seen[key] = retry.Entry{Value: []byte(noise), Revision: final[key].Revision}
				f, err := statusPolicy.fold(rows, seen)
				require.NoError(t, err)
				rows = f.rows
			}
		}
		require.Equal(t, whole.rows, rows)
	}
}
