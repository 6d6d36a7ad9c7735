package telemetry

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

func active(c *wire.EffectiveConfig) { c.ProcessPerfEnabled = true }

func names(p wire.ProcessPerf) (all []string) {
	for _, l := range p.Processes {
		all = append(all, l.Name)
	}
	return all
}

func TestProcessLoad(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) {
			b.processes.put(1, fakeProcess{name: "init", before: 1000 * time.Hour})
			b.processes.put(2, fakeProcess{name: "busy", used: 1.5})
			b.processes.put(3, fakeProcess{name: "half", used: 0.5})
			b.processes.put(4, fakeProcess{name: "gone", used: 0.25})
			b.processes.put(5, fakeProcess{name: "secretive", used: 0.125, noBytes: true})
		})
		b.sleep(10 * time.Minute)
		require.Empty(t, b.busiest, "off by default")
		require.Zero(t, b.host.count("list"))

		b.turn(active)
		b.sleep(10 * time.Minute)
		b.stop()
		require.GreaterOrEqual(t, len(b.busiest), 9)
		first, second := b.busiest[0], b.busiest[1]
		require.Equal(t, []string{"busy", "half", "secretive", "init"}, names(first), "the first sample knows who is busy")
		require.Equal(t, wire.ProcessLoad{PID: 2, Name: "busy", CPUPct: 150, RSSBytes: 4096}, first.Processes[0])
		require.InDelta(t, 512, *second.Processes[0].DiskReadBytesPerSec, 1)
		require.Equal(t, new(0.0), second.Processes[0].DiskWrittenBytesPerSec)
		require.Nil(t, second.Processes[2].DiskReadBytesPerSec, "nobody may see them")
		require.Zero(t, second.Processes[3].CPUPct)
	})
}

func TestTheBusiestOnly(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) {
			active(&b.cfg)
			b.cfg.ProcessPerfTopN = 2
			for pid := range int32(2000) {
				b.processes.put(pid+1, fakeProcess{name: fmt.Sprint("p", pid+1), used: float64(pid) / 10_000})
			}
		})
		b.sleep(2 * time.Second)
		require.Equal(t, []string{"p2000", "p1999"}, names(b.busiest[0]))
		for n, want := range map[int]int{0: 1, -5: 1, math.MaxInt: 1000} {
			was := len(b.busiest)
			b.turn(func(c *wire.EffectiveConfig) { c.ProcessPerfTopN = n })
			b.sleep(time.Minute)
			require.Greater(t, len(b.busiest), was)
			require.Len(t, b.busiest[len(b.busiest)-1].Processes, want)
		}
		b.stop()
	})
}

func TestProcessLoadExpires(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) {
			b.processes.put(1, fakeProcess{name: "init", used: 1})
			active(&b.cfg)
			b.cfg.ProcessPerfExpiresAt = time.Now().Add(5 * time.Minute)
		})
		b.sleep(5 * time.Minute)
		was, scans := len(b.busiest), b.host.count("list")
		require.GreaterOrEqual(t, was, 5)
		b.sleep(time.Hour)
		require.Len(t, b.busiest, was)
		require.Equal(t, scans, b.host.count("list"))
		b.processes.put(1, fakeProcess{name: "init", before: 1000 * time.Hour})
		b.turn(func(c *wire.EffectiveConfig) { c.ProcessPerfExpiresAt = time.Time{} })
		b.sleep(2 * time.Minute)
		b.stop()
		require.Zero(t, b.busiest[was].Processes[0].CPUPct, "what it used in between does not count")
		require.Nil(t, b.busiest[was].Processes[0].DiskReadBytesPerSec)
	})
}

// A number that was used again, and a process that is new, are not compared with
// another one.
func TestAProcessIsComparedWithItself(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) {
			active(&b.cfg)
			b.processes.put(1, fakeProcess{started: 1, name: "old", before: 1000 * time.Hour, used: 0.1})
		})
		b.sleep(90 * time.Second)
		b.processes.put(1, fakeProcess{started: 2, name: "again"})
		was := len(b.busiest)
		b.sleep(time.Minute)
		b.stop()
		again := b.busiest[was].Processes[0]
		require.Equal(t, "again", again.Name)
		require.Zero(t, again.CPUPct)
		require.Nil(t, again.DiskReadBytesPerSec)
		l := processLoad{last: &listing{at: time.Now(), known: map[int32]Process{}}}
		require.InDelta(t, 50, l.percent(Process{PID: 9, CPU: time.Second}, time.Now().Add(2*time.Second)), 0, "a new one has used it all since")
	})
}

func TestASampleFitsTheBroker(t *testing.T) {
	within(t, func(t *testing.T) {
		b := newBench(t, func(b *bench) {
			active(&b.cfg)
			b.cfg.ProcessPerfTopN = 1000
			for pid := range int32(1000) {
				b.processes.put(pid+1, fakeProcess{name: strings.Repeat("n", 2000), used: 1000 - float64(pid)})
			}
		})
		b.sleep(2 * time.Second)
		b.stop()
		require.NotEmpty(t, b.busiest)
		sent := b.busiest[0].Processes
		require.Greater(t, len(sent), 400)
		require.Less(t, len(sent), 600)
		require.Equal(t, uint32(1), sent[0].PID, "the busiest are kept")
		for _, data := range b.raw {
			require.LessOrEqual(t, len(data), 1<<20)
		}
	})
}
