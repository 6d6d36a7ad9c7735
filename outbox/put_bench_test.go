package outbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

// BenchmarkPut compares Put with the bare steps it promises (write, fsync,
// rename, fsync of the folder), done by the same number of writers that share
// the folder syncs in the same way. Each round has fresh folders, the two take
// turns in going first, and the medians of the rounds are compared.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			var bare, put []float64
			var syncs atomic.Int64
			first, second := func() { bare = append(bare, bareRound(b, writers)) }, func() { put = append(put, putRound(b, writers, &syncs)) }
			for b.Loop() {
				first()
				second()
				first, second = second, first
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(benchBatch/median(bare), "bare/s")
			b.ReportMetric(benchBatch/median(put), "put/s")
			b.ReportMetric(median(bare)/median(put), "put/bare")
			b.ReportMetric(float64(syncs.Load())/float64(len(put)*benchBatch), "foldersyncs/put")
		})
	}
}

const benchBatch = 512

func bareRound(b *testing.B, writers int) (seconds float64) {
	dir := b.TempDir()
	shared := bareShared{dir: dir}
	data := bytes.Repeat([]byte("x"), benchSize)
	return eachWriter(b, writers, func(name string) error {
		if err := bareStore(filepath.Join(dir, name), data); err != nil {
			return err
		}
		return shared.sync()
	})
}

func putRound(b *testing.B, writers int, syncs *atomic.Int64) (seconds float64) {
	box, err := Open(b.TempDir(), WithFS(newHookFS(func(op, _ string) error {
		if op == "syncdir" {
			syncs.Add(1)
		}
		return nil
	})))
	require.NoError(b, err)
	data := bytes.Repeat([]byte("x"), benchSize)
	seconds = eachWriter(b, writers, func(name string) error {
		return box.Put(b.Context(), Record{Name: name, Subject: "bench.put", Data: data})
	})
	require.NoError(b, box.Close())
	return seconds
}

var benchNames atomic.Int64

// eachWriter lets writers store benchBatch new names and returns how long that
// took.
func eachWriter(b *testing.B, writers int, store func(name string) error) (seconds float64) {
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(benchBatch)
	start := time.Now()
	for range writers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := store("r" + strconv.FormatInt(benchNames.Add(1), 10)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start).Seconds()
}

func bareStore(path string, data []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// bareShared is the plain group commit: who comes while a sync runs shares the
// next one.
type bareShared struct {
	dir  string
	disk sync.Mutex
	came atomic.Uint64
	done uint64 // guarded by disk: covers everybody up to here
}

func (s *bareShared) sync() error {
	me := s.came.Add(1)
	s.disk.Lock()
	defer s.disk.Unlock()
	if s.done >= me {
		return nil
	}
	upTo := s.came.Load()
	if err := atomicfile.OS.SyncDir(s.dir); err != nil {
		return err
	}
	s.done = upTo
	return nil
}
