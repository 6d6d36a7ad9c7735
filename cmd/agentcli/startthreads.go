package agentcli

import (
	"runtime"
	"runtime/pprof"
	"sync"
)

// endIdleThreads ends the threads that the start has made for file operations beside
// one another; the runtime keeps them for ever. A thread ends with the goroutine that
// has locked it, so as many goroutines as there ever were threads lock one each. What
// is needed later is made again.
func endIdleThreads() {
	threads := pprof.Lookup("threadcreate").Count()
	var locked, ended sync.WaitGroup
	locked.Add(threads)
	for range threads {
		ended.Go(func() {
			runtime.LockOSThread() // and never unlock: the end of the goroutine is the thread's
			locked.Done()
			locked.Wait()
		})
	}
	ended.Wait()
}
