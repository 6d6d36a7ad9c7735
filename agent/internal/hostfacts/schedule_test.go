package hostfacts

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/inventory/facts"
)

func names(found map[string]wire.InventorySection) []string { return slices.Sorted(maps.Keys(found)) }

// pass lets time go by, and everything happen that it makes happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestOnlyWhatChangedIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		s, stop := b.start()
		defer stop()
		synctest.Wait()
		require.Equal(t, everything, names(b.shelf.take(t)))
		require.False(t, s.Status().CollectedAt.IsZero())
		require.Zero(t, s.Status().Problems)
		asked := b.host.times()
		pass(3 * time.Hour)
		require.Equal(t, 3, b.host.times()-asked)
		require.Empty(t, b.shelf.take(t))
		b.host.install("a", "b")
		pass(time.Hour)
		found := b.shelf.take(t)
		require.Equal(t, []string{"sw"}, names(found))
		require.Contains(t, string(found["sw"].Data), `"b"`)
		b.host.change(func(h *host) {
			h.facts.Storage = &facts.Storage{Disks: []facts.Disk{}, Volumes: []facts.Volume{{Device: "/dev/sda1", Bytes: 1000, FreeBytes: 10}}}
		})
		pass(time.Hour)
		require.Empty(t, b.shelf.take(t), "free space changes all the time")
		b.host.change(func(h *host) {
			h.facts.Storage = &facts.Storage{Disks: []facts.Disk{}, Volumes: []facts.Volume{{Device: "/dev/sda1", Bytes: 2000, FreeBytes: 10}}}
		})
		pass(time.Hour)
		require.Equal(t, []string{"disk", "hw"}, names(b.shelf.take(t)))
	})
}

// A full set comes once a day, at the host's own time.
func TestAFullSetEveryDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.dial.now.InventoryInterval = time.Minute
		_, stop := b.start()
		defer stop()
		synctest.Wait()
		var fulls []time.Time
		for range 8 * 24 * 60 {
			if found := b.shelf.take(t); len(found) > 0 {
				require.Equal(t, everything, names(found))
				fulls = append(fulls, time.Now())
			}
			pass(time.Minute)
		}
		require.Len(t, fulls, 9, "the first one, and one a day from 20:53 on the first day on")
		first := fulls[1].Sub(fulls[0])
		require.GreaterOrEqual(t, first, 12*time.Hour)
		require.LessOrEqual(t, first, 36*time.Hour+time.Minute)
		for i := 2; i < len(fulls); i++ {
			require.Equal(t, day, fulls[i].Sub(fulls[i-1]))
		}
	})
}

func TestARestartPublishesNothingUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		run := func() []string {
			_, stop := b.start()
			synctest.Wait()
			stop()
			return names(b.shelf.take(t))
		}
		require.Equal(t, everything, run())
		require.Empty(t, run())
		info, err := os.Stat(b.cfg.File)
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(4096))
		b.host.install("c")
		require.Equal(t, []string{"sw"}, run())
		b.host.change(func(h *host) {
			os := *h.facts.OS
			os.BootedAt = new(booted.Add(time.Second))
			h.facts.OS = &os
		})
		require.Empty(t, run(), "the clock was set a little")
		b.host.change(func(h *host) {
			os := *h.facts.OS
			os.BootedAt = new(booted.Add(time.Hour))
			h.facts.OS = &os
		})
		require.Equal(t, everything, run(), "a boot")
		for _, damage := range []string{"", "{", `{"format":9}`, `{"format":1,"pc_id":"PC-2","hashes":{"sw":"x"}}`, `{"format":1,"pc_id":"PC-1"}`} {
			require.NoError(t, os.WriteFile(b.cfg.File, []byte(damage), 0o600))
			require.Equal(t, everything, run(), damage)
		}
		require.NoError(t, os.WriteFile(b.cfg.File, slices.Repeat([]byte(" "), maxMemory+1), 0o600))
		require.Equal(t, everything, run())
	})
}

// The file says that the last full set comes from the future.
func TestAClockThatWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		m := newMemory(pcID)
		m.FullAt, m.BootedAt = time.Now().Add(1000*time.Hour), booted
		require.NoError(t, m.save(b.cfg.FS, b.cfg.File))
		_, stop := b.start()
		synctest.Wait()
		stop()
		require.Equal(t, everything, names(b.shelf.take(t)))
	})
}

func TestWithoutAConnectionNothingIsCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.dial.now.InventoryJitter = 10 * time.Minute
		b.line.set(false)
		_, stop := b.start()
		defer stop()
		pass(100 * time.Hour)
		require.Zero(t, b.host.times())
		b.host.install("newest")
		b.line.set(true)
		place := phase(pcID, 10*time.Minute)
		require.Positive(t, place)
		pass(place - time.Second)
		require.Zero(t, b.host.times(), "a fleet that comes back does not do it at once")
		pass(2 * time.Second)
		require.Equal(t, 1, b.host.times())
		found := b.shelf.take(t)
		require.Equal(t, everything, names(found))
		require.Contains(t, string(found["sw"].Data), "newest")
	})
}

// While the broker takes nothing there is one set, and after it the newest one.
func TestAnUndeliveredSetStopsTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.shelf.keep = true
		_, stop := b.start()
		defer stop()
		synctest.Wait()
		require.Equal(t, everything, names(b.shelf.take(t)))
		for n := range 50 {
			b.host.install("program", strconv.Itoa(n))
			pass(time.Hour)
		}
		require.Empty(t, b.shelf.take(t))
		require.Equal(t, 1, b.host.times())
		waits := b.board.Resources()[0]
		require.Equal(t, "stream INVENTORY", waits.Name)
		require.False(t, waits.Waiting.IsZero())
		require.Contains(t, waits.Error, "6 messages are not taken")
		b.shelf.set(func(s *shelf) { s.keep, s.left = false, 0 })
		pass(lastLook)
		found := b.shelf.take(t)
		require.Contains(t, names(found), "sw")
		require.Contains(t, string(found["sw"].Data), `"49"`)
		for _, r := range b.board.Resources() {
			require.True(t, r.Waiting.IsZero(), r.Name)
		}
	})
}

func TestSettingsCountAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.dial.now.InventoryEnabled = false
		_, stop := b.start()
		defer stop()
		pass(100 * time.Hour)
		require.Zero(t, b.host.times())
		b.dial.set(func(c *wire.EffectiveConfig) { c.InventoryEnabled, c.InventorySections = true, " sw , net" })
		synctest.Wait()
		require.Equal(t, []string{"problems", "sw"}, names(b.shelf.take(t)))
		b.dial.set(func(c *wire.EffectiveConfig) { c.InventorySections = "hw,sw" })
		synctest.Wait()
		require.Equal(t, []string{"hw", "problems"}, names(b.shelf.take(t)), "sw was published and has not changed; this host has no net")
		b.dial.set(func(c *wire.EffectiveConfig) { c.InventorySections = "hw" })
		synctest.Wait()
		b.dial.set(func(c *wire.EffectiveConfig) { c.InventorySections = "" })
		synctest.Wait()
		require.Equal(t, []string{"disk", "hardware", "os", "sw"}, names(b.shelf.take(t)), "sw was forgotten")
		asked := b.host.times()
		b.dial.set(func(c *wire.EffectiveConfig) { c.InventoryInterval = time.Minute })
		pass(10 * time.Minute)
		require.InDelta(t, 11, b.host.times()-asked, 1)
		asked = b.host.times()
		b.dial.set(func(c *wire.EffectiveConfig) { c.HeartbeatInterval = time.Minute })
		synctest.Wait()
		require.Equal(t, asked, b.host.times(), "another setting")
	})
}

// The hosts of a fleet do not look at the same time.
func TestPhasesAreSpread(t *testing.T) {
	t.Parallel()
	const hosts, parts = 10_000, 10
	var count [parts]int
	for n := range hosts {
		id := "PC-" + strconv.Itoa(n)
		p := phase(id, time.Hour)
		require.Equal(t, p, phase(id, time.Hour))
		count[p*parts/time.Hour]++
	}
	for n := range parts {
		require.InDelta(t, hosts/parts, count[n], hosts/parts/3.0, "part %d", n)
	}
	require.Zero(t, phase("x", 0))
	now := time.Date(2031, 3, 4, 5, 6, 7, 8, time.UTC)
	for _, every := range []time.Duration{time.Nanosecond, time.Minute, 7 * time.Hour, day} {
		next := following(now, "x", every)
		require.True(t, next.After(now) && next.Sub(now) <= every, every)
		require.Equal(t, next.Add(every), following(next, "x", every))
	}
	require.Equal(t, now, following(now, "x", 0))
}

func TestAMessageThatWasNotStoredIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.shelf.err = errors.New("disk full")
		_, stop := b.start()
		defer stop()
		pass(time.Hour)
		b.shelf.set(func(s *shelf) { s.err = nil })
		pass(time.Hour)
		require.Equal(t, everything, names(b.shelf.take(t)))
	})
}

func TestACollectorThatHangsStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		release := make(chan struct{})
		b.host.do = func(context.Context) { <-release }
		s, stop := b.start()
		pass(24 * time.Hour)
		require.Equal(t, 1, b.host.times(), "it is not asked again")
		found := b.shelf.take(t)
		require.Equal(t, []string{"problems"}, names(found))
		require.Contains(t, string(found["problems"].Data), ErrBusy.Error())
		require.Equal(t, 1, s.Status().Problems)
		require.Equal(t, collectorName, b.board.Resources()[0].Name)
		require.False(t, b.board.Resources()[0].Waiting.IsZero())
		close(release)
		b.host.change(func(h *host) { h.do = nil })
		pass(2 * time.Hour)
		found = b.shelf.take(t)
		require.Equal(t, everything, names(found))
		require.JSONEq(t, `{"problems":[]}`, string(found["problems"].Data))
		require.True(t, b.board.Resources()[0].Waiting.IsZero())
		stop()
	})
}

func TestAStopDoesNotWaitForACollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		release := make(chan struct{})
		b.host.do = func(context.Context) { <-release }
		_, stop := b.start()
		synctest.Wait()
		began := time.Now()
		stop()
		require.Equal(t, lastReturn, time.Since(began))
		require.Empty(t, b.shelf.take(t))
		close(release)
		synctest.Wait()
	})
}

func TestACollectorThatPanicsIsAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.host.do = func(context.Context) { panic("out of range") }
		_, stop := b.start()
		defer stop()
		synctest.Wait()
		found := b.shelf.take(t)
		require.JSONEq(t, `{"problems":[{"section":"","text":"panic: out of range"}]}`, string(found["problems"].Data))
		pass(5 * time.Hour)
		require.Empty(t, b.shelf.take(t), "the same problem, whatever its stack is")
		b.host.change(func(h *host) { h.do = nil })
		pass(time.Hour)
		require.Equal(t, everything, names(b.shelf.take(t)))
	})
}

// A section that was missing in the full set is published as soon as it is there.
func TestASectionThatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		hardware := b.host.facts.Hardware
		run := func() map[string]wire.InventorySection {
			_, stop := b.start()
			synctest.Wait()
			stop()
			return b.shelf.take(t)
		}
		run()
		b.host.change(func(h *host) {
			os := *h.facts.OS
			os.BootedAt = new(booted.Add(time.Hour))
			h.facts.OS, h.facts.Hardware = &os, nil
			h.facts.Problems = []facts.Problem{{Section: "hardware", Source: "Win32_Battery", Text: "it hangs\nsecond line"}}
			h.err = errors.New("joined")
		})
		found := run()
		require.Equal(t, []string{"disk", "os", "problems", "sw"}, names(found))
		require.JSONEq(t, `{"problems":[{"section":"hardware","source":"Win32_Battery","text":"it hangs"}]}`, string(found["problems"].Data))
		b.host.change(func(h *host) { h.facts.Hardware, h.facts.Problems, h.err = hardware, nil, nil })
		require.Equal(t, []string{"hardware", "hw", "problems"}, names(run()))
	})
}

// A clock that jumps ahead, and back, costs one full set each; then all is as before.
func TestAClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var ahead atomic.Int64
		b.cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		_, stop := b.start()
		defer stop()
		synctest.Wait()
		require.Equal(t, everything, names(b.shelf.take(t)))
		for _, jump := range []time.Duration{10 * 365 * day, 0, 3 * day, 0} {
			ahead.Store(int64(jump))
			pass(2 * time.Hour)
			require.Equal(t, everything, names(b.shelf.take(t)), jump)
			require.Len(t, everything, 6)
			pass(3 * time.Hour)
			require.Empty(t, b.shelf.take(t), jump)
		}
		asked := b.host.times()
		pass(10 * time.Hour)
		require.InDelta(t, 10, b.host.times()-asked, 1)
	})
}
