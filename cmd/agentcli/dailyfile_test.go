package agentcli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// steppedClock stands still until it is moved.
type steppedClock struct{ at time.Time }

func (c *steppedClock) now() time.Time { return c.at }

func newTestFile(t *testing.T, pattern string, keep int) (*dailyFile, *steppedClock, *[]string) {
	t.Helper()
	var warnings []string
	d := newDailyFile(pattern, keep, func(err error) { warnings = append(warnings, err.Error()) })
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	clock := &steppedClock{at: time.Date(2026, 1, 30, 23, 59, 59, 0, time.UTC)}
	d.now = clock.now
	return d, clock, &warnings
}

func write(t *testing.T, d *dailyFile, line string) {
	t.Helper()
	n, err := d.Write([]byte(line))
	require.NoError(t, err)
	require.Equal(t, len(line), n)
}

func writeInVain(t *testing.T, d *dailyFile, line string) {
	t.Helper()
	n, err := d.Write([]byte(line))
	require.Error(t, err)
	require.Zero(t, n)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(data)
}

func TestDailyFileNames(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"agent.log": "agent.2026-01-30.log", "a.b.txt": "a.b.2026-01-30.txt",
		"kanade": "kanade.2026-01-30.log", ".log": "agent.2026-01-30.log",
	} {
		dir := t.TempDir()
		d, _, warnings := newTestFile(t, filepath.Join(dir, "logs", pattern), 3)
		write(t, d, "x\n")
		require.Equal(t, []string{want}, names(t, filepath.Join(dir, "logs")), pattern)
		require.Empty(t, *warnings)
	}
}

func TestDailyFileRotatesAtMidnightUTC(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, clock, _ := newTestFile(t, filepath.Join(dir, "x.log"), 14)
	clock.at = clock.at.In(time.FixedZone("east", 9*3600)) // there it is the 31st already
	write(t, d, "one\n")
	clock.at = clock.at.Add(time.Second)
	write(t, d, "two\n")
	write(t, d, "three\n")
	require.Equal(t, []string{"x.2026-01-30.log", "x.2026-01-31.log"}, names(t, dir))
	require.Equal(t, "one\n", content(t, dir, "x.2026-01-30.log"))
	require.Equal(t, "two\nthree\n", content(t, dir, "x.2026-01-31.log"))
}

// A host whose clocks are put forward or back writes the same files: the day is UTC's.
func TestDailyFileWhereClocksArePutForwardAndBack(t *testing.T) {
	t.Parallel()
	winter, summer := time.FixedZone("winter", -4*3600), time.FixedZone("summer", -3*3600)
	for name, moments := range map[string][]time.Time{
		"back at local midnight": { // 24:00 is 23:00 again
			time.Date(2026, 4, 4, 20, 59, 59, 0, summer), time.Date(2026, 4, 4, 21, 0, 0, 0, summer),
			time.Date(2026, 4, 4, 23, 59, 59, 0, summer), time.Date(2026, 4, 4, 23, 0, 0, 0, winter), time.Date(2026, 4, 5, 0, 0, 0, 0, winter),
		},
		"forward at local midnight": { // there is no 0:30
			time.Date(2026, 9, 5, 19, 59, 59, 0, winter), time.Date(2026, 9, 5, 20, 0, 0, 0, winter),
			time.Date(2026, 9, 5, 23, 59, 59, 0, winter), time.Date(2026, 9, 6, 1, 0, 0, 0, summer), time.Date(2026, 9, 6, 1, 30, 0, 0, summer),
		},
	} {
		dir := t.TempDir()
		d, clock, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 14)
		for _, clock.at = range moments {
			write(t, d, clock.at.Format(time.RFC3339)+"\n")
		}
		before, after := moments[0].UTC().Format(time.DateOnly), moments[1].UTC().Format(time.DateOnly)
		require.NotEqual(t, before, after, name)
		require.Equal(t, []string{"x." + before + ".log", "x." + after + ".log"}, names(t, dir), name)
		require.Equal(t, 4, strings.Count(content(t, dir, "x."+after+".log"), "\n"), name)
		require.Empty(t, *warnings, name)
	}
}

func TestDailyFileAppendsAfterRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, line := range []string{"one\n", "two\n"} {
		d, _, _ := newTestFile(t, filepath.Join(dir, "x.log"), 14)
		write(t, d, line)
		require.NoError(t, d.Close())
	}
	require.Equal(t, "one\ntwo\n", content(t, dir, "x.2026-01-30.log"))
}

func TestDailyFileKeepsTheNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	others := []string{"x.log", "x.2026-13-01.log", "x.old.log", "y.2020-01-01.log", "x.2020-01-01.log.gz", "x.2020-01-01.txt"}
	for _, name := range append([]string{"x.2020-01-01.log", "x.2025-12-31.log"}, others...) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x.2019-01-01.log"), 0o700))
	d, clock, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 2)
	write(t, d, "a\n")
	require.ElementsMatch(t, append([]string{"x.2019-01-01.log", "x.2025-12-31.log", "x.2026-01-30.log"}, others...), names(t, dir), "at the start")
	for range 3 {
		clock.at = clock.at.Add(24 * time.Hour)
		write(t, d, "b\n")
	}
	require.ElementsMatch(t, append([]string{"x.2019-01-01.log", "x.2026-02-01.log", "x.2026-02-02.log"}, others...), names(t, dir), "at each rotation")
	require.Empty(t, *warnings)
}

// A clock that was far ahead for a moment leaves files of days that have not come.
func TestDailyFileOfAWrongClock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, clock, warnings := newTestFile(t, filepath.Join(dir, "agent.log"), 1)
	today := clock.at
	write(t, d, "today\n")
	clock.at = today.AddDate(5, 0, 0)
	write(t, d, "in five years\n")
	clock.at = today
	write(t, d, "today again\n")
	require.Equal(t, []string{"agent.2026-01-30.log"}, names(t, dir))
	require.Equal(t, "today again\n", content(t, dir, "agent.2026-01-30.log"))
	require.Empty(t, *warnings)
}

func TestDailyFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // a file where the folder should be
	d, _, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 2)
	writeInVain(t, d, "lost\n")
	writeInVain(t, d, "lost\n")
	require.Len(t, *warnings, 1, "said once, not for every line")
	require.NoError(t, os.Remove(dir))
	write(t, d, "written\n")
	require.Equal(t, "written\n", content(t, dir, "x.2026-01-30.log"))
	require.Len(t, *warnings, 1)
}

// Days that cannot be removed cost no line, and are said once.
func TestDailyFileThatCannotBePruned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.2020-01-01.log"), nil, 0o600))
	d, clock, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 1)
	d.remove = func(path string) error { return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrPermission} }
	write(t, d, "first\n")
	write(t, d, "second\n")
	require.Equal(t, "first\nsecond\n", content(t, dir, "x.2026-01-30.log"))
	clock.at = clock.at.Add(24 * time.Hour)
	write(t, d, "third\n")
	require.Len(t, *warnings, 1)
	require.Contains(t, (*warnings)[0], "x.2020-01-01.log")
	d.remove = os.Remove
	clock.at = clock.at.Add(24 * time.Hour)
	write(t, d, "fourth\n")
	require.Equal(t, []string{"x.2026-02-01.log"}, names(t, dir))
	require.Len(t, *warnings, 1)
}

// What was half written when the disk was full ends before the next line.
func TestDailyFileEndsATornLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, _, _ := newTestFile(t, filepath.Join(dir, "x.log"), 1)
	write(t, d, "half of a li")
	write(t, d, "whole\n")
	require.Equal(t, "half of a li\nwhole\n", content(t, dir, "x.2026-01-30.log"))
}

// A file whose handle is of no use any more is opened again.
func TestDailyFileOpensAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, _, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 1)
	write(t, d, "one\n")
	require.NoError(t, d.file.Close())
	writeInVain(t, d, "lost\n")
	write(t, d, "two\n")
	require.Equal(t, "one\ntwo\n", content(t, dir, "x.2026-01-30.log"))
	require.Len(t, *warnings, 1)
}

func TestDailyFileHasALimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, clock, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 2)
	d.limit = 100
	line := func(i int) string { return fmt.Sprintf("%039d\n", i) }
	for i := range 4 {
		write(t, d, line(i))
	}
	require.Equal(t, []string{"x.2026-01-30.1.log", "x.2026-01-30.log"}, names(t, dir), "the last name is the one that is written")
	require.Empty(t, *warnings, "nothing is lost yet")
	for i := range 100 {
		write(t, d, line(4+i))
	}
	require.Equal(t, line(100)+line(101), content(t, dir, "x.2026-01-30.1.log"))
	require.Equal(t, line(102)+line(103), content(t, dir, "x.2026-01-30.log"), "the end of the day is kept")
	require.Len(t, *warnings, 1, "said once a day")
	require.Contains(t, (*warnings)[0], "more than 200 bytes on one day; the first ones of 2026-01-30 are removed")

	clock.at = clock.at.Add(24 * time.Hour)
	write(t, d, strings.Repeat("y", 1000))
	require.Len(t, content(t, dir, "x.2026-01-31.log"), 100, "a line that is longer than a file")
	write(t, d, line(1))
	require.Equal(t, line(1), content(t, dir, "x.2026-01-31.log"))
	clock.at = clock.at.Add(24 * time.Hour)
	write(t, d, line(2))
	require.Equal(t, []string{"x.2026-01-31.1.log", "x.2026-01-31.log", "x.2026-02-01.log"}, names(t, dir), "two days, with all of their parts")
	require.Len(t, *warnings, 1)
}

func TestDailyFileGoesOnInAFullOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.2026-01-30.log"), []byte(strings.Repeat("o", 500)), 0o600))
	d, _, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 2)
	d.limit = 100
	write(t, d, "new\n")
	require.Equal(t, "new\n", content(t, dir, "x.2026-01-30.log"))
	require.Len(t, content(t, dir, "x.2026-01-30.1.log"), 500)
	require.Empty(t, *warnings)
}

// The part before cannot be replaced: a folder has its name.
func TestDailyFileThatCannotBeMovedAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	blocker := filepath.Join(dir, "x.2026-01-30.1.log")
	require.NoError(t, os.MkdirAll(filepath.Join(blocker, "full"), 0o700))
	d, _, warnings := newTestFile(t, filepath.Join(dir, "x.log"), 2)
	d.limit = 10
	write(t, d, "12345678\n")
	for range 2 {
		writeInVain(t, d, "12345678\n")
	}
	require.Len(t, *warnings, 1)
	require.Contains(t, (*warnings)[0], "lines are missing there until this is solved")
	require.Equal(t, "12345678\n", content(t, dir, "x.2026-01-30.log"), "no more than the limit")
	require.NoError(t, os.RemoveAll(blocker))
	write(t, d, "after\n")
	require.Equal(t, "after\n", content(t, dir, "x.2026-01-30.log"))
}

func TestDailyFileTakesConcurrentWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, _, _ := newTestFile(t, filepath.Join(dir, "x.log"), 2)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 50 {
				_, _ = d.Write([]byte("a whole line\n"))
			}
		})
	}
	writers.Wait()
	require.Equal(t, strings.Repeat("a whole line\n", 400), content(t, dir, "x.2026-01-30.log"))
}
