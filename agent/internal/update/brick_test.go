package update

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// fullDisk has no room for another record. Renames need none.
type fullDisk struct{ atomicfile.FS }

var errFull = errors.New("no space left on device")

func (d fullDisk) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errFull}
	}
	return d.FS.OpenFile(name, flag, perm)
}

// A release whose starts cannot be counted would crash for ever.
func TestAReleaseIsTakenBackWhereItsStartsCannotBeCounted(t *testing.T) {
	t.Parallel()
	i := onDisk(t).newOnTrial(t)
	i.FS = fullDisk{i.FS}
	err := i.CountStart(now)
	require.ErrorIs(t, err, ErrRestart)
	require.ErrorIs(t, err, errFull)
	require.Equal(t, "old", says(t, i.Path))

	require.ErrorIs(t, i.CountStart(now), errFull, "the old one is told, and goes on")
	require.Equal(t, "old", says(t, i.Path))

	i.FS = atomicfile.OS
	require.NoError(t, i.CountStart(now))
	r, err := i.load()
	require.NoError(t, err)
	require.Nil(t, r.Plan)
	require.Equal(t, 1, r.Tried[0].Times+r.Tried[0].Unswapped, "the next try is later")
}

func TestAReleaseStaysWhereNothingElseIs(t *testing.T) {
	t.Parallel()
	i := onDisk(t).newOnTrial(t)
	require.NoError(t, os.Remove(i.lastGood()))
	i.FS = fullDisk{i.FS}
	err := i.CountStart(now)
	require.ErrorIs(t, err, errFull)
	require.NotErrorIs(t, err, ErrRestart)
	require.Equal(t, "new", says(t, i.Path))
}

// An old executable whose start could not settle the plan must not pass for the
// release that the plan is about.
func TestTheOldExecutableIsNotConfirmedAsTheRelease(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	synctest.Test(t, func(t *testing.T) {
		i := i.newOnTrial(t)
		require.NoError(t, i.CountStart(time.Now()))
		require.NoError(t, i.swapIn(i.lastGood()))
		o := &onTrial{t: t, began: time.Now(), health: always[error](nil)}
		s := o.service(i)
		goOn, err := s.endProbation(t.Context())
		require.NoError(t, err)
		require.True(t, goOn)
		require.Empty(t, o.verdict)
		r, err := i.load()
		require.NoError(t, err)
		require.Nil(t, r.Plan)
		require.Equal(t, kindRolledBack, r.News[0].Kind)
	})
}

func TestAClockThatWasAheadHoldsNothingUp(t *testing.T) {
	t.Parallel()
	i := onDisk(t)
	i.planFor(t, phaseSwap)
	r, err := i.load()
	require.NoError(t, err)
	c := candidate{target: "2", info: &jetstream.ObjectInfo{Digest: digestAsStored(t, r.Tried[0].SHA256)}}
	for name, tc := range map[string]struct {
		last time.Time
		want bool
	}{
		"just now":  {now, true},
		"long ago":  {now.Add(-3 * time.Hour), false},
		"next year": {now.AddDate(1, 0, 0), false},
	} {
		r.Tried[0].Last = tc.last
		require.NoError(t, i.save(r))
		s := New(Config{Install: i, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
		err := s.checkTried(c)
		require.Equal(t, tc.want, errors.Is(err, ErrTried), "%s: %v", name, err)
	}
}

func digestAsStored(t *testing.T, sum string) string {
	raw, err := hex.DecodeString(sum)
	require.NoError(t, err)
	return "SHA-256=" + base64.URLEncoding.EncodeToString(raw)
}

// hangsEnv makes this program a release that hangs before it watches itself.
const hangsEnv = "KANADE_TEST_UPDATE_HANGS"

func hang(path string) {
	i := Install{FS: atomicfile.OS, Path: path}
	if err := i.GuardWithin(new(Guard), 50*time.Millisecond); err != nil {
		panic(err)
	}
	select {}
}

func TestAReleaseThatHangsIsTakenBack(t *testing.T) {
	t.Parallel()
	i := onDisk(t).newOnTrial(t)
	require.NoError(t, i.CountStart(now))
	self, err := os.Executable()
	require.NoError(t, err)
	program := exec.CommandContext(t.Context(), self)
	program.Env = append(os.Environ(), hangsEnv+"="+i.Path)
	out, err := program.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "this release did not come up")
	require.Contains(t, string(out), "update.hang", "it shows what hangs")
	require.Equal(t, "old", says(t, i.Path))
	require.NoError(t, i.CountStart(now))
	st, err := i.Status()
	require.NoError(t, err)
	require.Contains(t, st.LastRollback.Reason, "did not come up")
	require.Empty(t, st.Quarantined(""), "a slow disk may have been the reason")
}

func TestAGuardThatIsStoppedDoesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g Guard
		g.Arm(time.Second, "it hangs", nil)
		g.Arm(time.Hour, "it hangs", nil)
		time.Sleep(time.Minute)
		g.Stop()
		g.Stop()
		(*Guard)(nil).Arm(time.Second, "nothing", nil)
		(*Guard)(nil).Stop()
		time.Sleep(2 * time.Hour)
	})
}
