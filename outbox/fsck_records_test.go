package outbox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A request that was refused at first and has a result later leaves two records
// of one name; so do two hosts whose folders were put together. The broker keeps
// both, so both stay where they are.
func TestRecordsOfOneNameAndDifferentIDsAreNoDuplicates(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	box := openBox(t, dir, WithCodec(resultCodec{}))
	for _, r := range []struct{ name, id string }{{"refusal-1", "refusal-1"}, {"x", "result-1"}} {
		require.NoError(t, box.Put(t.Context(), Record{
			Name: r.name, MsgID: r.id, Subject: "results.x", Data: []byte(result("x", r.id, "")),
		}))
	}
	require.NoError(t, box.Close())
	writeFile(t, dir, hashedFile("x"), result("x", "result-of-another-host", ""))
	r := inspectBox(t, dir, WithCodec(resultCodec{}))
	require.Empty(t, repaired(t, r))
	require.ElementsMatch(t, []string{"refusal-1.json", "x.json", hashedFile("x")}, listed(t, r))
}

func TestWhatHoldsANameOrAnID(t *testing.T) {
	t.Parallel()
	seen := holders{}
	for _, c := range []struct{ file, name, id, other, same string }{
		{"a", "x", "1", "", ""},
		{"b", "x", "2", "", ""},
		{"c", "x", "2", "b", "message ID"},
		{"d", "x", "", "a", "record name"},
		{"e", "x", "1", "a", "record name"},
		{"f", "y", "1", "a", "message ID"},
		{"g", "z", "", "", ""},
		{"h", "z", "3", "g", "record name"},
		{"i", "", "", "", ""},
	} {
		other, same := seen.enter(c.file, Record{Name: c.name, MsgID: c.id})
		require.Equal(t, []string{c.other, c.same}, []string{other, same}, c.file)
	}
}
