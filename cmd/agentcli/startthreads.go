package agentcli

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// restThreads are what an agent at rest needs: the runtime's monitor, three for
// signals and for threads that are locked, one that waits for the network and one that runs.
const restThreads = 6

// threadEnd is more than a thread takes to end after its goroutine.
const threadEnd = 10 * time.Millisecond

// endIdleThreads ends threads that the start has made for file operations beside one
// another; the runtime keeps them for ever. A thread ends with the goroutine that has
// locked it: one after the other, and no more than are idle, or the runtime makes
// others at once. What is needed later is made again.
func endIdleThreads() {
	for all := threads(); all > restThreads; {
		var ended sync.WaitGroup
		ended.Go(runtime.LockOSThread) // and never unlock: the end of the goroutine is the thread's
		ended.Wait()
		time.Sleep(threadEnd)
		before := all
		if all = threads(); all >= before {
			return
		}
	}
}

func threads() uint64 {
	sample := []metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
