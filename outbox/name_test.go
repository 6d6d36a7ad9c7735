package outbox

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSafeNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"6d0c1f0e-7b0e-4d54-9f0e-0f3f2f6a1a11": true,
		"a":                                    true,
		"a.b_c-d":                              true,
		"-":                                    true,
		"com":                                  true,
		"com10":                                true,
		"console":                              true,
		strings.Repeat("a", 128):               true,
		"":                                     false,
		".":                                    false,
		"..":                                   false,
		".hidden":                              false,
		"a.":                                   false,
		"REQ-1":                                false,
		"a b":                                  false,
		"a/b":                                  false,
		`a\b`:                                  false,
		"a:b":                                  false,
		"../../etc/passwd":                     false,
		"ä":                                    false,
		"a\x00":                                false,
		"a\n":                                  false,
		"con":                                  false,
		"nul.txt":                              false,
		"com1":                                 false,
		"lpt9.":                                false,
		"aux.json":                             false,
		strings.Repeat("a", 129):               false,
		strings.TrimSuffix(hashedFile("x"), fileSuffix): false,
	} {
		require.Equalf(t, want, safe(name), "%q", name)
	}
}

func TestNoTwoNamesShareAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	hashOfUpper := strings.TrimSuffix(hashedFile("REQ-1"), fileSuffix)
	names := []string{
		"req-1", "REQ-1", "Req-1", hashOfUpper, "../req-1", "con", "CON", "con.json", ".lock", "a.", "a",
		"req-1.json", "req-1.json.tmp", "K", "k", "\u212a", strings.Repeat("x", 1024),
	}
	put(t, box, names...)
	folded := map[string]bool{}
	for _, file := range files(t, dir) {
		folded[fold(file)] = true
	}
	require.Len(t, folded, len(names))
	require.Equal(t, len(names), box.Stats().Pending)

	var s stream
	sent, err := box.Flush(t.Context(), &s)
	require.NoError(t, err)
	require.Equal(t, len(names), sent)
	for _, name := range names {
		require.Contains(t, s.data(), "data of "+name)
	}
}

func TestBadRecordsAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	with := func(change func(*Record)) Record {
		r := record("r")
		change(&r)
		return r
	}
	for what, r := range map[string]Record{
		"long name":        with(func(r *Record) { r.Name = strings.Repeat("x", 1025) }),
		"name not UTF-8":   with(func(r *Record) { r.Name = "a\xff" }),
		"no subject":       with(func(r *Record) { r.Subject = "" }),
		"wildcard":         with(func(r *Record) { r.Subject = "a.*" }),
		"full wildcard":    with(func(r *Record) { r.Subject = "a.>" }),
		"empty token":      with(func(r *Record) { r.Subject = "a..b" }),
		"blank":            with(func(r *Record) { r.Subject = "a b" }),
		"protocol line":    with(func(r *Record) { r.Subject = "a\r\nPUB b 0" }),
		"header injection": with(func(r *Record) { r.Header = map[string][]string{"A: b\r\nC": {"d"}} }),
	} {
		require.ErrorIs(t, box.Put(t.Context(), r), ErrBadRecord, what)
	}
	require.Empty(t, files(t, dir))
	require.Zero(t, box.Stats().Pending)
}

func TestPathsAreThoseOfJoin(t *testing.T) {
	t.Parallel()
	o := &Outbox{dir: t.TempDir()}
	for _, file := range []string{"", "stuck/", "a.json", "stuck/a.json", "stuck", ".lock"} {
		require.Equal(t, filepath.Join(o.dir, file), o.path(file))
	}
}
