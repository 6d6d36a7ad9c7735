package outbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

func result(request, id, stdout string) string {
	return fmt.Sprintf(`{"request_id":%q,"result_id":%q,"stdout":%q}`, request, id, stdout)
}

// damage is a folder with one of everything that can be wrong. Each file is a
// minute younger than the one before.
var damage = []struct {
	file, text string
	want       FindingKind // by Fsck
	after      FindingKind // by Fsck after a Repair, at moved
	moved      string      // where it is then; empty: gone
}{
	{"good.json", result("good", "1", ""), "", "", "good.json"},
	{"twice.json", result("twice", "2", "x"), "", "", "twice.json"},
	{hashedFile("twice"), result("twice", "2", "x"), FoundDuplicate, "", ""},
	{"differs.json", result("differs", "3", "x"), "", "", "differs.json"},
	{hashedFile("differs"), result("differs", "3", "later"), FoundDuplicate, FoundStuck, "stuck/" + hashedFile("differs")},
	{"id.json", result("id", "4", ""), "", "", "id.json"},
	{"same-id.json", result("same-id", "4", "other"), FoundDuplicate, FoundStuck, "stuck/same-id.json"},
	{"both.json", result("both", "5", ""), "", "", "both.json"},
	{"stuck/both.json", result("both", "5", ""), FoundDuplicate, "", ""},
	{"stuck/both.reason", `{"kind":"refused"}`, "", "", ""},
	{"empty.json", "", FoundTorn, FoundStuck, "stuck/empty.json"},
	{"torn.json", `{"request_id":"to`, FoundTorn, FoundStuck, "stuck/torn.json"},
	{"zeros.json", strings.Repeat("\x00", 50), FoundTorn, FoundStuck, "stuck/zeros.json"},
	{"nonsense.json", "<html>", FoundUnparsable, FoundStuck, "stuck/nonsense.json"},
	{"no-id.json", "{}", FoundUnparsable, FoundStuck, "stuck/no-id.json"},
	{"called.json", result("wanted", "6", ""), FoundMisnamed, "", "wanted.json"},
	{"UPPER.json", result("UPPER", "7", ""), "", "", "UPPER.json"},
	{"result-8.json", result("req/8", "result-8", ""), "", "", "result-8.json"},
	{"half.json.tmp", `{"request`, FoundLeftOver, "", ""},
	{"whole.json.tmp", result("whole", "9", ""), FoundLeftOver, FoundLeftOver, "whole.json.tmp"},
	{"stuck/x.json", result("x", "10", ""), FoundStuck, FoundStuck, "stuck/x.json"},
	{"stuck/x.reason", `{"when":"2031-03-04T05:00:01Z","kind":"refused","why":"no","attempts":2}`, "", "", "stuck/x.reason"},
	{"stuck/y.json", result("y", "11", ""), FoundStuck, FoundStuck, "stuck/y.json"},
	{"stuck/y.reason", `{"when":`, FoundBadReason, "", "stuck/y.reason"},
	{"stuck/z.reason", "{}", FoundOrphanReason, "", ""},
	{"stuck/z.reason.tmp", "{", FoundLeftOver, "", ""},
	{"stuck/torn.json", `{"an earlier one`, FoundStuck, FoundStuck, "stuck/torn.json"},
	{"notes.txt", "hello", FoundForeign, FoundForeign, "notes.txt"},
	{"stuck/notes.txt", "hello", FoundForeign, FoundForeign, "stuck/notes.txt"},
	{".lock", "", "", "", ".lock"},
}

func damagedFolder(t testing.TB) string {
	t.Helper()
	dir := privateDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, stuckFolder), 0o700))
	for i, d := range damage {
		writeFile(t, dir, d.file, d.text)
		setAge(t, dir, d.file, 24*time.Hour-time.Duration(i)*time.Minute)
	}
	return dir
}

func TestFsckAndRepair(t *testing.T) {
	t.Parallel()
	dir := damagedFolder(t)
	r := inspectBox(t, dir, WithCodec(resultCodec{}))
	want, after := map[string]FindingKind{}, map[string]FindingKind{}
	for _, d := range damage {
		if d.want != "" {
			want[d.file] = d.want
		}
		if d.after != "" {
			after[d.moved] = d.after
		}
	}
	after["stuck/torn.2.json"] = FoundStuck
	before := snapshot(t, dir)
	require.Equal(t, want, kinds(check(t, r)))
	require.Equal(t, before, snapshot(t, dir), "fsck changes nothing")

	found := repaired(t, r)
	for _, f := range found {
		require.NotEmpty(t, f.What)
		require.Equal(t, f.Repair == "", f.Keeps == "", f.File)
	}
	require.Equal(t, want, kinds(found))
	require.Equal(t, after, kinds(check(t, r)))
	for _, d := range damage {
		moved := d.moved
		if d.file == "torn.json" {
			moved = "stuck/torn.2.json" // what was there stays
		}
		if moved == "" {
			require.NoFileExists(t, filepath.Join(dir, d.file))
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, moved))
		require.NoError(t, err)
		if d.want != FoundBadReason {
			require.Equal(t, d.text, string(text), d.file)
		}
	}
	require.Equal(t, ReasonDuplicate, reasonOf(t, dir, "same-id").Kind)
	require.Equal(t, ReasonUnreadable, reasonOf(t, dir, "torn.2").Kind)
	require.Contains(t, reasonOf(t, dir, "y").Why, "when", "the old text is quoted")
	require.Equal(t, 2, reasonOf(t, dir, "x").Attempts)

	again := snapshot(t, dir)
	for _, f := range repaired(t, r) {
		require.Empty(t, f.Repair, f.File)
	}
	require.Equal(t, again, snapshot(t, dir), "there is nothing left to do")
}

// Everything that is a record is delivered after the repair, each once.
func TestARepairedFolderDrains(t *testing.T) {
	t.Parallel()
	dir := damagedFolder(t)
	repaired(t, inspectBox(t, dir, WithCodec(resultCodec{})))
	box := openBox(t, dir, WithCodec(resultCodec{}))
	var s stream
	_, err := box.Flush(t.Context(), &s)
	require.Error(t, err, "some cannot be decoded")
	require.Equal(t, []string{"1", "10", "11", "2", "3", "4", "5", "6", "7", "result-8"}, sorted(s.seen))
	require.Equal(t, 6, box.Stats().Stuck)
	require.Equal(t, 6, box.Stats().Corrupt)
}

// What is young may be under way in the process that has the folder open.
func TestFsckBesideAWrite(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	openBox(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, stuckFolder), 0o700))
	writeFile(t, dir, "a.json.tmp", "{")
	writeFile(t, dir, "stuck/b.reason", "{}")
	writeFile(t, dir, "stuck/b.reason.tmp", "{}")
	r := inspectBox(t, dir)
	require.Empty(t, check(t, r))
	for _, name := range []string{"a.json.tmp", "stuck/b.reason", "stuck/b.reason.tmp"} {
		setAge(t, dir, name, 2*unfinishedAfter)
	}
	require.Len(t, check(t, r), 3)
}

func TestRepairReportsWhatFails(t *testing.T) {
	t.Parallel()
	dir := privateDir(t)
	writeFile(t, dir, "a.json", "")
	writeFile(t, dir, "b.json.tmp", "")
	fsys := newHookFS(func(op, name string) error {
		if op == "rename" && strings.Contains(name, stuckFolder) {
			return syscall.ENOSPC
		}
		return nil
	})
	found, err := inspectBox(t, dir, WithFS(fsys)).Repair(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.ErrorIs(t, found[0].Failure, syscall.ENOSPC)
	require.False(t, found[0].Repaired)
	require.True(t, found[1].Repaired, "one failure does not end it")
	require.FileExists(t, filepath.Join(dir, "a.json"))
}

func TestProgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	put(t, box, "a", "b", "c")
	var calls []int
	_, err := inspectBox(t, dir).Fsck(t.Context(), func(done, total int) { calls = append(calls, done, total) })
	require.NoError(t, err)
	require.Equal(t, []int{1, 3, 2, 3, 3, 3}, calls)
}

// FuzzFsck puts any bytes into a record's file: nothing panics, and a repair
// keeps them somewhere, byte for byte.
func FuzzFsck(f *testing.F) {
	for _, d := range damage {
		f.Add([]byte(d.text), true)
		f.Add([]byte(d.text), false)
	}
	f.Fuzz(func(t *testing.T, text []byte, reason bool) {
		disk := faultfs.New(0)
		require.NoError(t, atomicfile.MkdirAll(disk, crashStuck, 0o700))
		for name, content := range map[string]string{
			"good.json": result("good", "1", ""), "stuck/r.json": result("r", "2", ""), "fuzz.json": string(text),
		} {
			require.NoError(t, lay(disk, filepath.Join(crashBox, name), content, false))
		}
		if reason {
			require.NoError(t, lay(disk, filepath.Join(crashStuck, "r.reason"), string(text), false))
		}
		for _, codec := range []Codec{resultCodec{}, JSONEnvelope{}} {
			r := inspectBox(t, crashBox, WithCodec(codec), WithFS(disk))
			entries, err := r.List()
			require.NoError(t, err)
			for _, e := range entries {
				_, err := r.Detail(e)
				require.NoError(t, err)
				var line bytes.Buffer
				require.NoError(t, r.Export(&line, "", e))
				require.True(t, json.Valid(line.Bytes()), "%q", line.Bytes())
			}
			repaired(t, r)
			require.Contains(t, contents(t, disk), string(text))
			require.Contains(t, contents(t, disk), result("good", "1", ""))
			require.Empty(t, repairable(disk, codec))
		}
	})
}

func contents(t testing.TB, disk *faultfs.FS) []string {
	t.Helper()
	var all []string
	for _, folder := range []string{crashBox, crashStuck} {
		list, err := disk.ReadDir(folder)
		require.NoError(t, err)
		for _, d := range list {
			if d.IsDir() {
				continue
			}
			text, err := textOf(disk, filepath.Join(folder, d.Name()))
			require.NoError(t, err)
			all = append(all, text)
		}
	}
	return all
}
