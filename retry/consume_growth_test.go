package retry_test

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

var restartsFlag = flag.Int("restarts", defaultRestarts(), "restarts of the broker in TestConsumeDoesNotGrowOverRestarts, at least 10")

// defaultRestarts is fewer where it takes long to start a process.
func defaultRestarts() int {
	if runtime.GOOS == "windows" {
		return 40
	}
	return 200
}

// A process lives through many restarts of its broker: nothing may add up. It runs alone, for the sake of the heap.
func TestConsumeDoesNotGrowOverRestarts(t *testing.T) {
	restarts := *restartsFlag
	require.GreaterOrEqual(t, restarts, 10, "-restarts")
	b := jstest.StartBroker(t)
	js := newJetStream(t, b.Connect())
	putStream(t, js, workStream)
	var c *tap
	var nc *nats.Conn
	mark(t, func() {
		nc = b.Connect()
		c = consume(t, newJetStream(t, nc), retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)), retry.WithLogger(nil))
	})
	round := func(n int) {
		b.Kill()
		b.Start()
		data := fmt.Sprint(n)
		putInCluster(t, js, data)
		c.await(data)
	}
	for n := range restarts / 10 {
		round(n)
	}
	goroutines, heap, sent := marked(t), settled(), nc.Stats().OutMsgs
	for n := restarts / 10; n < restarts; n++ {
		round(n)
	}
	more := uint64(restarts - restarts/10)
	sent = nc.Stats().OutMsgs - sent
	require.Eventually(t, func() bool { return marked(t) <= goroutines }, generous, 10*time.Millisecond, "goroutines: %d → %d", goroutines, marked(t))
	after := settled()
	t.Logf("%d restarts: goroutines %d → %d, heap %d → %d KiB, %d requests for the consumer, %d messages sent in the last %d",
		restarts, goroutines, marked(t), heap>>10, after>>10, c.asked.Load(), sent, more)
	stream, err := js.Stream(within(t), "WORK")
	require.NoError(t, err)
	require.Equal(t, 1, stream.CachedInfo().State.Consumers)
	require.LessOrEqual(t, c.asked.Load(), int64(3*restarts))
	require.LessOrEqual(t, sent, 12*more, "requests for the consumer, pulls and acks")
	got := c.all()
	slices.Sort(got)
	require.Len(t, slices.Compact(got), restarts, "each came, some again: a killed broker forgets acks")
	require.Less(t, after, heap+8<<20)
}

// settled is the size of the process's heap after what is garbage is gone.
func settled() (heap uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// mark makes the goroutines that do starts, and those that these start, ones of the test: others run beside it.
func mark(t *testing.T, do func()) {
	pprof.Do(t.Context(), pprof.Labels("test", t.Name()), func(context.Context) { do() })
}

var labelled = regexp.MustCompile(`(?m)^(\d+) @ .*\n# labels: (\{.*\})$`)

// marked is how many goroutines of the test there are.
func marked(t *testing.T) (n int) {
	t.Helper()
	var profile strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
	for _, group := range labelled.FindAllStringSubmatch(profile.String(), -1) {
		if strings.Contains(group[2], strconv.Quote(t.Name())) {
			size, err := strconv.Atoi(group[1])
			require.NoError(t, err)
			n += size
		}
	}
	require.NotZero(t, n, "goroutines of a test carry its name")
	return n
}
