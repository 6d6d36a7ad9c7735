package scripts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

func TestAFolderOfTheReferenceReleaseIsUsedAsItIs(t *testing.T) {
	p := newPlace(t)
	p.broker.Kill()
	const script = "echo hello"
	digest := sumOf(script)
	left := []string{digest + "." + strings.Repeat("0123456789abcdef", 2) + ".tmp", digest + ".tmp"}
	foreign := []string{"README", "notes.tmp", strings.ToUpper(digest), digest[1:], digest + ".bak"}
	for _, name := range append(left, foreign...) {
		p.write(name, script)
	}
	p.write(digest, script)
	require.NoError(t, os.Mkdir(p.path(sumOf("a folder")), 0o700))
	p.reopen()
	p.isHere("job/1", script)
	require.Equal(t, 1, p.Status().Files)
	want := append(slices.Clone(foreign), digest, sumOf("a folder"))
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" { // one name, whatever its case
		want = slices.DeleteFunc(want, func(name string) bool { return name == digest })
	}
	slices.Sort(want)
	require.Equal(t, want, p.files(), "only what writers left behind is removed")
}

func TestAFileThatIsDamagedIsFetchedAgain(t *testing.T) {
	p := newPlace(t)
	const script = "echo hello"
	digest := p.put("job/1", script)
	for what, content := range map[string]string{
		"empty": "", "cut short": script[:5], "one bit": "echo hellp", "zeros": "\x00\x00\x00", "longer": script + "\n",
		"huge": strings.Repeat("x", MaxScript+100),
	} {
		p.write(digest, content)
		before := p.Status().Damaged
		got, err := p.get("job/1", digest)
		require.NoError(t, err, what)
		require.Equal(t, script, got, what)
		require.Equal(t, before+1, p.Status().Damaged, what)
		p.isHere("job/1", script)
	}
	require.Equal(t, 6, p.log.count("WARN a script on disk is damaged"))
	p.write(digest, "damaged")
	p.broker.Kill()
	_, fetch, err := p.Script("job/1", digest)
	require.NoError(t, err)
	require.NotNil(t, fetch)
	require.Empty(t, p.files(), "it would be found damaged again and again")
}

// A file of this name was not put there by us: no shell could take it.
func TestAFileThatIsNotTextIsRefused(t *testing.T) {
	p := newPlace(t)
	digest := sumOf("echo \xff")
	p.write(digest, "echo \xff")
	_, _, err := p.Script("job/1", digest)
	require.ErrorIs(t, err, ErrNotText)
	require.ErrorIs(t, p.Prefetch(within(t), "job/1", digest), ErrNotText)
}

// failing is a disk that takes nothing, and lists nothing if told so.
type failing struct {
	atomicfile.FS
	err   atomic.Pointer[error]
	lists bool
}

func (f *failing) now() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *failing) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if err := f.now(); err != nil && flag != os.O_RDONLY {
		return nil, err
	}
	return f.FS.OpenFile(name, flag, perm)
}

func (f *failing) ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := f.now(); err != nil && !f.lists {
		return nil, err
	}
	return f.FS.ReadDir(dir)
}

// A disk that takes nothing costs the cache, not the command.
func TestScriptsAreUsedFromMemoryWhileTheyCannotBeKept(t *testing.T) {
	for what, disk := range map[string]*failing{
		"full":        {FS: atomicfile.OS, lists: true},
		"not allowed": {FS: atomicfile.OS},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPlace(t)
			trouble := errors.New(what)
			disk.err.Store(&trouble)
			p.cfg.FS = disk
			p.reopen()
			for i := range 6 {
				script := fmt.Sprint("echo ", i)
				digest := p.put("job/1", script)
				require.ErrorIs(t, p.Prefetch(within(t), "job/1", digest), ErrNotKept)
				require.ErrorIs(t, p.Prefetch(within(t), "job/1", digest), trouble)
				got, err := p.get("job/1", digest)
				require.NoError(t, err)
				require.Equal(t, script, got)
			}
			require.True(t, p.Status().NotKept)
			require.EqualValues(t, 6, p.Status().Fetched, "what is in memory is not fetched again")
			require.Equal(t, 1, p.log.count("WARN"), "%v", p.log.said)
			disk.err.Store(nil)
			require.NoError(t, p.Prefetch(within(t), "job/1", sumOf("echo 5")))
			require.False(t, p.Status().NotKept)
			require.Equal(t, 1, p.log.count("INFO scripts are kept on disk again"))
			require.Equal(t, []string{sumOf("echo 5")}, p.files())
			p.broker.Kill()
			p.isHere("job/1", "echo 0") // in memory
			p.isHere("job/1", "echo 5")
		})
	}
}

func TestMemoryHasABound(t *testing.T) {
	t.Parallel()
	s := shelf{scripts: map[string]string{}}
	large := strings.Repeat("x", MaxScript)
	for i := range 10 {
		s.put(fmt.Sprint(i), large)
		s.put(fmt.Sprint(i), large)
		require.LessOrEqual(t, s.bytes, shelfBytes)
	}
	require.Equal(t, []string{"6", "7", "8", "9"}, s.order)
	s.remove("7")
	s.remove("7")
	_, ok := s.get("7")
	require.False(t, ok)
	require.Len(t, s.scripts, 3)
	require.Equal(t, 3*MaxScript, s.bytes)
}

func TestWhatWasUsedLongestAgoGoesFirst(t *testing.T) {
	p := newPlace(t)
	now := time.Now().Add(-1000 * time.Hour)
	p.cfg.Now = func() time.Time { return now }
	p.cfg.MaxFiles = 3
	p.reopen()
	keep := func(script string) {
		t.Helper()
		now = now.Add(30 * time.Hour)
		require.NoError(t, p.Prefetch(within(t), script, p.put(script, script)))
	}
	holds := func(scripts ...string) {
		t.Helper()
		var want []string
		for _, s := range scripts {
			want = append(want, sumOf(s))
		}
		slices.Sort(want)
		require.Equal(t, want, p.files())
		require.Equal(t, len(want), p.Status().Files)
	}
	keep("a")
	keep("b")
	keep("c")
	p.isHere("a", "a")
	keep("d")
	holds("a", "c", "d")
	require.EqualValues(t, 1, p.Status().Evicted)
	now = now.Add(30 * time.Hour)
	p.isHere("c", "c")
	p.reopen() // which finds the order on the disk
	keep("e")
	holds("c", "d", "e")
	p.cfg.MaxFiles = 1
	p.reopen()
	holds("e")
	p.cfg.MaxFiles, p.cfg.MaxBytes = 0, 10
	p.reopen()
	keep("four")
	keep("five5")
	holds("e", "four", "five5")
	keep("x")
	holds("four", "five5", "x")
	keep("larger than all that may be here") // which is here as long as nothing else is
	holds("larger than all that may be here")
	require.EqualValues(t, 32, p.Status().Bytes)
}

// A use is written to the disk once a day.
func TestUseIsRecordedOnceADay(t *testing.T) {
	p := newPlace(t)
	now := time.Now().Add(-1000 * time.Hour).Truncate(time.Second)
	p.cfg.Now = func() time.Time { return now }
	p.reopen()
	digest := p.put("job/1", "echo hello")
	require.NoError(t, p.Prefetch(within(t), "job/1", digest))
	require.NoError(t, os.Chtimes(p.path(digest), now, now))
	p.reopen()
	begin := now
	recorded := func() time.Duration {
		info, err := os.Stat(p.path(digest))
		require.NoError(t, err)
		return info.ModTime().Sub(begin)
	}
	for _, step := range []struct{ at, want time.Duration }{
		{time.Hour, 0},
		{23 * time.Hour, 0},
		{24 * time.Hour, 24 * time.Hour},
		{47 * time.Hour, 24 * time.Hour},
		{48 * time.Hour, 48 * time.Hour},
		{-100 * time.Hour, -100 * time.Hour}, // a clock that is set back
	} {
		now = begin.Add(step.at)
		p.isHere("job/1", "echo hello")
		require.Equal(t, step.want, recorded())
	}
}

// The contract's: 8 writers of one name, each with content of its own.
func TestWritersOfOneNameDoNotMix(t *testing.T) {
	t.Parallel()
	disk := folder{fs: atomicfile.OS, dir: path.Join(t.TempDir(), "a", "b"), index: index{
		maxBytes: DefaultMaxBytes, maxFiles: DefaultMaxFiles, now: time.Now, files: map[string]*kept{},
	}}
	turns := turns{all: map[string]*turn{}}
	name := sumOf("name")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			release, err := turns.take(within(t), name)
			if err == nil {
				err = disk.write(name, strings.Repeat(string("AB"[i%2]), 4096))
				release()
			}
			if err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
	content, err := os.ReadFile(disk.path(name))
	require.NoError(t, err)
	require.Contains(t, []string{strings.Repeat("A", 4096), strings.Repeat("B", 4096)}, string(content))
	list, err := os.ReadDir(disk.dir)
	require.NoError(t, err)
	require.Len(t, list, 1)
	files, bytes, _ := disk.count()
	require.Equal(t, 1, files)
	require.EqualValues(t, 4096, bytes)
}

func newFolder(fsys atomicfile.FS) *folder {
	return &folder{fs: fsys, dir: "/state/script_cache", index: index{
		maxBytes: 30, maxFiles: 2, now: time.Now, files: map[string]*kept{},
	}}
}

// Power is cut at every step of three writes, the third of which makes another go, and every disk that can be found is
// looked at: what was written is there, whole, or was removed for what came later; and never half of it.
func folderSuite(model faultfs.Model) *faultfs.Suite {
	all := []string{"echo one", "echo two", "echo three"}
	return &faultfs.Suite{
		Model:    model,
		Packages: []string{"github.com/kanade-go/kanade/outbox/atomicfile", "github.com/kanade-go/kanade/agent/internal/scripts"},
		Class: func(name string) string {
			if isLeftBehind(path.Base(name)) {
				return "temp"
			}
			return fmt.Sprint(isDigest(path.Base(name)))
		},
		Scenario: func(m *faultfs.Mutant) (faultfs.Promise, error) {
			f := newFolder(m)
			err := errors.Join(m.FS.MkdirAll("/state", 0o700), m.FS.SyncDir("/"))
			var written []string
			for _, script := range all {
				if err == nil {
					err = f.write(sumOf(script), script)
				}
				if err == nil {
					written = append(written, script)
				}
				_ = m.Do("told", func() error { return nil })
			}
			if m.Cut() {
				err = nil
			}
			return faultfs.Promise{Of: fmt.Sprint(len(written)), Check: func(found *faultfs.FS) error {
				return checkFound(found, all, written)
			}}, err
		},
	}
}

func checkFound(found *faultfs.FS, all, written []string) error {
	f := newFolder(found)
	if err := f.load(); err != nil {
		return err
	}
	here := 0
	for i, script := range all {
		got, err := f.read(sumOf(script))
		switch {
		case err == nil && got == script:
			here++
		case i < len(written) && i > 0: // the first may have gone for the third
			return fmt.Errorf("%q is lost: %w", script, err)
		case i < len(written) && len(written) < 2:
			return fmt.Errorf("%q is lost: %w", script, err)
		}
	}
	if here > f.maxFiles {
		return fmt.Errorf("%d files", here)
	}
	return nil
}

func TestKeptScriptsSurviveLostPower(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		suite := folderSuite(model)
		require.NoError(t, suite.Run(faultfs.Mutation{}))
		all, err := suite.Mutations()
		require.NoError(t, err)
		proven := 0
		for _, m := range all {
			if m.Drop != "" {
				require.Error(t, suite.Run(m), "%v: %v would prove nothing", model, m)
				proven++
			}
		}
		require.Positive(t, proven)
	}
}

// Every operation of a write fails once: then the script is not on disk, nothing of it is left, and the next write succeeds.
func TestAWriteThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, model := range []faultfs.Model{faultfs.POSIX, faultfs.NTFS} {
		for step := 1; ; step++ {
			disk := faultfs.New(0, model)
			require.NoError(t, atomicfile.MkdirAll(disk, "/state", 0o700))
			f := newFolder(disk)
			before := disk.Steps()
			disk.Fail(before+step, before+step, errors.New("disk error"))
			if f.write(sumOf("echo one"), "echo one") != nil {
				files, bytes, _ := f.count()
				require.Zero(t, files)
				require.Zero(t, bytes)
			}
			if disk.Steps() < before+step {
				break
			}
			require.NoError(t, f.write(sumOf("echo one"), "echo one"))
			got, err := f.read(sumOf("echo one"))
			require.NoError(t, err)
			require.Equal(t, "echo one", got)
			list, err := disk.ReadDir(f.dir)
			require.NoError(t, err)
			require.Len(t, list, 1)
		}
	}
}
