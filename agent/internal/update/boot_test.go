package update

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// onDisk is an installation whose executable says "old", with a release that says
// "new" beside it.
func onDisk(t *testing.T) Install {
	i := Install{FS: atomicfile.OS, Path: filepath.Join(t.TempDir(), "agent.exe")}
	require.NoError(t, os.WriteFile(i.Path, []byte("old"), 0o755))
	require.NoError(t, os.WriteFile(i.staged(), []byte("new"), 0o755))
	return i
}

func (i Install) planFor(t *testing.T, phase string) {
	from, err := i.keepLastGood()
	require.NoError(t, err)
	to, err := i.digest(i.staged())
	require.NoError(t, err)
	r := record{Format: recordFormat, Plan: &plan{Phase: phase, From: "1", To: "2", FromSHA256: from, ToSHA256: to, Since: now}}
	r.try(now)
	require.NoError(t, i.save(r))
}

func says(t *testing.T, path string) string {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func TestNamesBesideTheExecutable(t *testing.T) {
	t.Parallel()
	windows, unix := Install{Path: "/opt/Agent.EXE"}, Install{Path: "/opt/agent"}
	require.Equal(t, []string{"/opt/Agent.new.EXE", "/opt/Agent.last-good.EXE", "/opt/Agent.old.EXE", "/opt/Agent.update.json"},
		[]string{windows.staged(), windows.lastGood(), windows.aside(), windows.recordPath()})
	require.Equal(t, "/opt/agent.new", unix.staged())
	require.Equal(t, "/opt/agent.update.json", unix.recordPath())
}

func TestStartsAreCounted(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	require.NoError(t, i.CountStart(now), "nothing is under way")
	i.planFor(t, phaseSwap)
	require.NoError(t, i.swapIn(i.staged()))
	for range maxStarts {
		require.NoError(t, i.CountStart(now))
		require.Equal(t, "new", says(t, i.Path))
	}
	require.ErrorIs(t, i.CountStart(now), ErrRestart)
	require.Equal(t, "old", says(t, i.Path))
	require.NoError(t, i.CountStart(now), "the old one starts")
	r, err := i.load()
	require.NoError(t, err)
	require.Nil(t, r.Plan)
	require.True(t, r.Tried[0].Never)
	require.Equal(t, kindRolledBack, r.News[0].Kind)
}

func TestWhatAStartFinds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		phase, executable string
		kept              bool // the last good one
		news              string
		plan              bool
	}{
		"the swap was not done":         {phaseSwap, "old", true, kindNotSwapped, false},
		"the swap was done":             {phaseSwap, "new", true, "", true},
		"the old one was put back":      {phaseProbation, "old", true, "", false},
		"another one was installed":     {phaseProbation, "another", true, "", false},
		"the rollback was done":         {phaseRollback, "old", true, kindRolledBack, false},
		"there is nothing to roll back": {phaseRollback, "new", false, kindRefused, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := onDisk(t)
			i.planFor(t, tc.phase)
			require.NoError(t, os.WriteFile(i.Path, []byte(tc.executable), 0o755))
			if !tc.kept {
				require.NoError(t, os.Remove(i.lastGood()))
			}
			require.NoError(t, i.CountStart(now))
			r, err := i.load()
			require.NoError(t, err)
			require.Equal(t, tc.plan, r.Plan != nil)
			require.Len(t, r.Tried, 1, "the try counts whatever became of it")
			if tc.news != "" {
				require.Equal(t, tc.news, r.News[0].Kind)
			}
			require.Equal(t, tc.executable, says(t, i.Path))
		})
	}
}

func TestAnInterruptedRollbackIsDoneAgain(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	i.planFor(t, phaseRollback)
	require.NoError(t, os.WriteFile(i.Path, []byte("new"), 0o755))
	require.ErrorIs(t, i.CountStart(now), ErrRestart)
	require.Equal(t, "old", says(t, i.Path))
}

func TestRecordsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	for name, text := range map[string]string{
		"empty": "", "cut": `{"format":1,`, "newer": `{"format":2}`, "phase": `{"format":1,"plan":{"phase":"x","from_sha256":"a","to_sha256":"b"}}`,
		"no digest": `{"format":1,"plan":{"phase":"swap"}}`, "huge": `{"format":1}` + strings.Repeat(" ", maxRecord),
	} {
		require.NoError(t, os.WriteFile(i.recordPath(), []byte(text), 0o600))
		err := i.CountStart(now)
		require.ErrorIs(t, err, ErrRecord, name)
		require.NotErrorIs(t, err, ErrRestart, name)
		require.Equal(t, text, says(t, i.recordPath()), "it is left for who mends it")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"format":1,"tried":[{"version":"1","sha256":"a","times":1}],"news":[{"kind":"x","payload":{"a":"b"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(data)
		if err == nil && r.Plan != nil {
			require.NotEmpty(t, r.Plan.FromSHA256)
		}
	})
}

func TestTheRecordIsBounded(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	r := record{Format: recordFormat, Plan: &plan{Phase: phaseSwap, FromSHA256: "a"}}
	for n := range 3 * maxTried {
		r.Plan.ToSHA256 = strings.Repeat("x", n+1)
		r.try(now)
		r.tell(kindRefused, strings.Repeat("r", 100))
	}
	require.NoError(t, i.save(r))
	read, err := i.load()
	require.NoError(t, err)
	require.Len(t, read.Tried, maxTried)
	require.Len(t, read.News, maxNews)
	require.Equal(t, r.Plan.ToSHA256, read.Tried[maxTried-1].SHA256, "the newest stay")
}

// A release that crashed is not forgotten for others that were only interrupted.
func TestWhatIsForgottenOfReleases(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	all := []tried{{SHA256: "never", Never: true}, {SHA256: "oldest"}}
	for n := range maxTried {
		all = append(all, tried{SHA256: strings.Repeat("x", n+1)})
	}
	require.NoError(t, i.save(record{Format: recordFormat, Tried: all}))
	r, err := i.load()
	require.NoError(t, err)
	require.Len(t, r.Tried, maxTried)
	require.Equal(t, "never", r.Tried[0].SHA256)
	require.Equal(t, "xx", r.Tried[1].SHA256)
	require.Len(t, bounded(all), maxTried)
	for n := range all {
		all[n].Never = n < len(all)-1
	}
	require.False(t, bounded(all)[maxTried-1].Never, "the newest is under way")
}
