package outbox

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUndecodableFileGoesToQuarantine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var log countingHandler
		box := openBox(t, dir, WithLogger(log.logger()))
		writeFile(t, dir, "0bad.json", `{"subject":"a","da`)
		writeFile(t, dir, "1other.json", `{"hello":"world"}`)
		put(t, box, "a", "b")
		var s stream
		startDrain(t, box, &s)
		synctest.Wait()
		require.Len(t, s.data(), 2)
		require.Equal(t, 2, box.Stats().Corrupt)
		require.Equal(t, 2, box.Stats().Stuck)
		require.Zero(t, box.Stats().Pending)
		elapse(time.Hour)
		require.EqualValues(t, 2, log.warnings.Load(), "one for each, once")
		require.Empty(t, files(t, dir))
		require.Equal(t, []string{"0bad.json", "1other.json"}, stuckFiles(t, dir))
		why := reasonOf(t, dir, "1other")
		require.Equal(t, ReasonUnreadable, why.Kind)
		require.Equal(t, "no subject", why.Why)
		require.Equal(t, 1, why.Attempts)

		// The copy was just not complete, the other was none of ours.
		writeFile(t, filepath.Join(dir, stuckFolder), "0bad.json", `{"subject":"a","data":"aGVsbG8=","msg_id":"x"}`)
		require.NoError(t, os.Remove(filepath.Join(dir, stuckFolder, "1other.json")))
		elapse(2 * time.Minute)
		require.Zero(t, box.Stats().Corrupt)
		require.Zero(t, box.Stats().Stuck)
		require.Equal(t, "hello", s.data()[2])
		require.NoFileExists(t, filepath.Join(dir, stuckFolder, "0bad.reason"))
	})
}

func TestFilesDroppedInAreFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := openBox(t, dir)
		var s stream
		startDrain(t, box, &s)
		elapse(10 * time.Minute)
		writeFile(t, dir, "DROPPED.json", `{"subject":"a","data":"aGVsbG8="}`)
		writeFile(t, dir, "not-a-record.txt", "x")
		require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.json"), 0o700))
		plantLink(t, dir)
		elapse(rescanEvery)
		require.Equal(t, []string{"hello"}, s.data())
		require.Equal(t, Stats{Sent: 1}, counts(box))
	})
}

func TestIdleFolderIsNotListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		past := time.Now().Add(-time.Hour) // by the bubble's clock
		box := openBox(t, dir)
		require.NoError(t, os.Chtimes(dir, past, past))
		require.NoError(t, box.rescan())
		settled := box.scanned
		require.True(t, settled.settled)
		writeFile(t, dir, "a.json", "x")
		require.NoError(t, os.Chtimes(dir, past, past)) // as if nothing had happened
		require.NoError(t, box.rescan())
		require.Zero(t, box.Stats().Pending)
		require.NoError(t, os.Chtimes(dir, past, past.Add(time.Second)))
		require.NoError(t, box.rescan())
		require.Equal(t, 1, box.Stats().Pending)
	})
}

// What others put there right after the start waits for seconds, not for a minute.
func TestTheSecondLookComesSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := openBox(t, dir)
		var s stream
		startDrain(t, box, &s)
		synctest.Wait()
		writeFile(t, dir, "dropped.json", `{"subject":"a","data":"aGVsbG8=","msg_id":"x"}`)
		elapse(secondScan)
		require.Equal(t, []string{"hello"}, s.data())
		writeFile(t, dir, "later.json", `{"subject":"a","data":"aGVsbG8=","msg_id":"y"}`)
		elapse(rescanEvery)
		require.Len(t, s.data(), 2)
	})
}
