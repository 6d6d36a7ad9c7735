package outbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func inspectBox(t testing.TB, dir string, opts ...Option) *Reader {
	t.Helper()
	r, err := Inspect(dir, opts...)
	require.NoError(t, err)
	return r
}

// privateDir has the mode that an outbox makes its folder with.
func privateDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	return dir
}

func listed(t testing.TB, r *Reader) []string {
	t.Helper()
	entries, err := r.List()
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.File)
	}
	return names
}

func findOne(t testing.TB, r *Reader, name string) Entry {
	t.Helper()
	found, err := r.Find(name)
	require.NoError(t, err)
	require.Len(t, found, 1, name)
	return found[0]
}

func TestInspectNeedsAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Inspect(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "missing")
	writeFile(t, dir, "file", "")
	_, err = Inspect(filepath.Join(dir, "file"))
	require.ErrorContains(t, err, "not a folder")
	r := inspectBox(t, privateDir(t))
	require.Empty(t, listed(t, r))
	found, err := r.Fsck(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, found)
	left, err := os.ReadDir(r.Dir())
	require.NoError(t, err)
	require.Empty(t, left, "nothing is created")
}

// stuckBox has a record that is stuck, one with a hashed name and a plain one.
func stuckBox(t testing.TB, dir string) *Outbox {
	t.Helper()
	box := openBox(t, dir)
	put(t, box, "bad")
	_, err := box.Flush(t.Context(), &stream{refuse: refuseBad(apiError(10054, 400))})
	require.Error(t, err)
	put(t, box, "Needs/Hash", "plain")
	return box
}

func TestReaderBesideAnOpenOutbox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stuckBox(t, dir)
	for i, file := range []string{"stuck/bad.json", hashedFile("Needs/Hash"), "plain.json"} {
		setAge(t, dir, file, time.Hour-time.Duration(i)*time.Minute)
	}
	before := snapshot(t, dir)
	r := inspectBox(t, dir)
	require.Equal(t, []string{"stuck/bad.json", hashedFile("Needs/Hash"), "plain.json"}, listed(t, r))

	stuck := findOne(t, r, "bad")
	require.True(t, stuck.Stuck)
	d, err := r.Detail(stuck)
	require.NoError(t, err)
	require.NoError(t, d.Unreadable)
	require.Equal(t, "id-bad", d.Record.MsgID)
	require.Equal(t, "test.records", d.Record.Subject)
	require.Empty(t, d.Record.Data)
	require.Equal(t, ReasonRefused, d.Reason.Kind)
	require.Equal(t, 1, d.Reason.Attempts)

	hashed := findOne(t, r, "Needs/Hash")
	require.Equal(t, hashedFile("Needs/Hash"), hashed.File)
	d, err = r.Detail(hashed)
	require.NoError(t, err)
	require.Equal(t, "Needs/Hash", d.Record.Name)
	require.Nil(t, d.Reason)
	require.Equal(t, hashed, findOne(t, r, "id-Needs/Hash"), "by its message ID")

	var payload bytes.Buffer
	require.NoError(t, r.WritePayload(&payload, hashed))
	require.Equal(t, "data of Needs/Hash", payload.String())
	file, err := r.Open(hashed)
	require.NoError(t, err)
	raw, err := io.ReadAll(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Contains(t, string(raw), base64.StdEncoding.EncodeToString(payload.Bytes()))

	_, err = r.Fsck(t.Context(), nil)
	require.NoError(t, err)
	_, err = r.Repair(t.Context(), nil)
	require.ErrorIs(t, err, ErrLocked)
	require.Equal(t, before, snapshot(t, dir), "nothing was changed")
}

// snapshot is every file with its content, mode and time.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := []byte{}
		if d.Type().IsRegular() {
			if text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime().UnixNano(), string(text))
		return nil
	}))
	return all
}

func TestFindLeavesTheFolderAlone(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "box")
	require.NoError(t, os.Mkdir(dir, 0o700))
	writeFile(t, parent, "x.json", "{}")
	writeFile(t, dir, "x.json", "{}")
	r := inspectBox(t, dir)
	for _, name := range []string{
		"../x", "../x.json", "../box/x.json", "./x.json", "/x.json", filepath.Join(parent, "x.json"), "x.json/", "stuck/../x.json",
		"x\x00.json", "", ".", "..", "*", `..\x`, `x.json::$DATA`, strings.Repeat("x", 5000),
	} {
		found, err := r.Find(name)
		require.NoError(t, err)
		require.Empty(t, found, "%q", name)
	}
	require.Equal(t, "x.json", findOne(t, r, "x").File)
}

func TestExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "req-1.json", " {\n \"request_id\": \"req-1\", \"result_id\":\"r<1>\", \"n\": 1.50e1 }\n")
	writeFile(t, dir, "req-2.json", `{"request_id":"req-2","stdout":"`+"\xff"+`"}`)
	require.NoError(t, os.Mkdir(filepath.Join(dir, stuckFolder), 0o700))
	writeFile(t, dir, "stuck/req-3.json", `{"request`)
	writeFile(t, dir, "stuck/req-3.reason", `{"when":"2031-03-04T05:00:01Z","kind":"unreadable","why":"no \u001b[1mend","attempts":3}`)
	when := time.Date(2031, 3, 4, 5, 0, 1, 500, time.UTC)
	for _, file := range []string{"req-1.json", "req-2.json", "stuck/req-3.json"} {
		require.NoError(t, os.Chtimes(filepath.Join(dir, file), when, when))
	}
	r := inspectBox(t, dir, WithCodec(resultCodec{}))
	var lines []string
	entries, err := r.List()
	require.NoError(t, err)
	for _, e := range entries {
		var out bytes.Buffer
		require.NoError(t, r.Export(&out, "results", e))
		require.True(t, json.Valid(out.Bytes()), out.String())
		lines = append(lines, out.String())
	}
	require.Equal(t, []string{
		`{"box":"results","name":"req-1","file":"req-1.json","size":61,"queued":"2031-03-04T05:00:01.0000005Z","stuck":false,` +
			`"subject":"results.7265712d31","msg_id":"r\u003c1\u003e","payload":{"request_id":"req-1","result_id":"r<1>","n":1.50e1}}` + "\n",
		`{"box":"results","name":"req-2","file":"req-2.json","size":35,"queued":"2031-03-04T05:00:01.0000005Z","stuck":false,` +
			`"subject":"results.7265712d32","payload_base64":"eyJyZXF1ZXN0X2lkIjoicmVxLTIiLCJzdGRvdXQiOiL/In0="}` + "\n",
		`{"box":"results","name":"req-3","file":"stuck/req-3.json","size":9,"queued":"2031-03-04T05:00:01.0000005Z","stuck":true,` +
			`"reason":{"when":"2031-03-04T05:00:01Z","kind":"unreadable","why":"no \u001b[1mend","attempts":3},` +
			`"unreadable":"unexpected end of JSON input","payload_base64":"eyJyZXF1ZXN0"}` + "\n",
	}, lines)
}

// 64 MiB of output in a result are looked at without being held.
func TestALargeRecordIsNotHeldInMemory(t *testing.T) {
	dir := t.TempDir()
	const half = 32 << 20
	f, err := os.Create(filepath.Join(dir, "req-1.json"))
	require.NoError(t, err)
	for _, part := range []string{`{"stdout":"`, strings.Repeat("x", half), `","request_id":"req-1","stderr":"`, strings.Repeat(`é\n`, half/4), `"}`} {
		_, err := io.WriteString(f, part)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	r := inspectBox(t, dir, WithCodec(resultCodec{}))
	e := findOne(t, r, "req-1")
	for what, do := range map[string]func() error{
		"detail": func() error {
			d, err := r.Detail(e)
			require.NoError(t, d.Unreadable)
			require.Equal(t, "req-1", d.Record.Name)
			return err
		},
		"payload": func() error { return r.WritePayload(io.Discard, e) },
		"export":  func() error { return r.Export(io.Discard, "", e) },
		"fsck": func() error {
			found, err := r.Fsck(t.Context(), nil)
			for _, f := range found {
				require.Equal(t, FoundPermissions, f.Kind, f.What) // os.Create
			}
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.NoError(t, do())
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20), what)
	}
	var size counter
	require.NoError(t, r.WritePayload(&size, e))
	require.EqualValues(t, e.Size, size)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// The payload of a large envelope is not the file.
func TestALargeEnvelope(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	big := record("big")
	big.Data = bytes.Repeat([]byte("0123456789abcdef"), maxWhole/16)
	require.NoError(t, box.Put(t.Context(), big))
	r := inspectBox(t, dir)
	e := findOne(t, r, "big")
	require.Greater(t, e.Size, int64(maxWhole))
	d, err := r.Detail(e)
	require.NoError(t, err)
	require.NoError(t, d.Unreadable)
	require.Equal(t, "id-big", d.Record.MsgID)
	var payload bytes.Buffer
	require.NoError(t, r.WritePayload(&payload, e))
	require.True(t, bytes.Equal(big.Data, payload.Bytes()))
}

// Many records are listed without their content.
func TestListOfMany(t *testing.T) {
	dir := t.TempDir()
	const many = 5000
	for i := range many {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".json")), nil, 0o600))
	}
	r := inspectBox(t, dir)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	entries, err := r.List()
	require.NoError(t, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Len(t, entries, many)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(250*many))
	require.True(t, slices.IsSortedFunc(entries, inOrder))
}

func TestReadersOfReferenceFolder(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	writeFile(t, dir, "REQ-1.json", referenceResult)
	writeFile(t, dir, "req-2.json.tmp", `{"request_id":"req-2"`)
	setAge(t, dir, "req-2.json.tmp", time.Hour)
	writeFile(t, dir, "req-3.json", "")
	r := inspectBox(t, dir, WithCodec(resultCodec{}))
	var out bytes.Buffer
	require.NoError(t, r.WritePayload(&out, findOne(t, r, "REQ-1")))
	require.True(t, bytes.Equal([]byte(referenceResult), out.Bytes()), "byte for byte")
	require.Equal(t, map[string]FindingKind{"req-2.json.tmp": FoundLeftOver, "req-3.json": FoundTorn}, kinds(check(t, r)))
	repaired(t, r)
	require.Equal(t, map[string]FindingKind{"stuck/req-3.json": FoundStuck}, kinds(check(t, r)))
	var s stream
	_, err := openBox(t, dir, WithCodec(resultCodec{})).Flush(t.Context(), &s)
	require.Error(t, err, "the empty file is reported")
	require.Equal(t, []string{referenceResult}, s.data())
}

func check(t testing.TB, r *Reader) []Finding {
	t.Helper()
	found, err := r.Fsck(t.Context(), nil)
	require.NoError(t, err)
	return found
}

func repaired(t testing.TB, r *Reader) []Finding {
	t.Helper()
	found, err := r.Repair(t.Context(), nil)
	require.NoError(t, err)
	for _, f := range found {
		require.NoError(t, f.Failure)
		require.Equal(t, f.Repair != "", f.Repaired, f.File)
	}
	return found
}

func kinds(found []Finding) map[string]FindingKind {
	all := map[string]FindingKind{}
	for _, f := range found {
		all[f.File] = f.Kind
	}
	return all
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
