package agentcli

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/retry/jstest"
)

// movedClock may be read by the goroutine that writes.
type movedClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *movedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *movedClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fetched is a whole agent that logs as the program does, and a backend that asks for
// the end of its log.
type fetched struct {
	*testing.T
	log   *slog.Logger
	clock *movedClock
	daily *dailyFile
	ask   func() (string, error)
}

func startFetched(t *testing.T) *fetched {
	t.Helper()
	broker := jstest.StartBroker(t)
	c := agent.DefaultConfig()
	c.ID, c.StateDir, c.Servers = "PC-1", t.TempDir(), []string{broker.URL()}
	c.LogFile, c.LogKeepDays = filepath.Join(t.TempDir(), "logs", "agent.log"), 1
	f := &fetched{T: t, clock: &movedClock{at: time.Now().UTC().Truncate(24 * time.Hour).Add(24*time.Hour - time.Second)}}
	f.daily = newDailyFile(c.LogFile, c.LogKeepDays, func(err error) { t.Error(err) })
	f.daily.now = f.clock.now
	s := openSink(f.daily, slog.LevelInfo, lineHandler)
	s.closer = f.daily
	f.log = slog.New(prompt{Handler: s.handler, sinks: []*sink{s}})
	a, err := agent.New(c, agent.WithLogger(f.log))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, prompt{sinks: []*sink{s}}.close())
	})
	nc := broker.Connect()
	f.ask = func() (string, error) {
		reply, err := nc.Request("logs.fetch.PC-1", []byte(`{"tail_lines":500}`), time.Minute)
		if err != nil {
			return "", err
		}
		return string(reply.Data), nil
	}
	return f
}

// fetch asks until a line is there; the agent logs too.
func (f *fetched) fetch(line string) (text string) {
	f.Helper()
	require.Eventually(f, func() bool {
		var err error
		text, err = f.ask()
		return err == nil && strings.Contains(text, line)
	}, 2*time.Minute, 10*time.Millisecond)
	return text
}

// What the program writes is what the broker's side reads: on the day, after midnight,
// and when the day's file has become too large.
func TestTheLogThatIsFetchedIsTheOneThatIsWritten(t *testing.T) {
	t.Parallel()
	f := startFetched(t)
	f.log.Info("before midnight")
	f.fetch(`msg="before midnight"`)
	f.clock.move(time.Second)
	f.log.Info("after midnight")
	require.NotContains(t, f.fetch(`msg="after midnight"`), "before midnight", "the newest day only")
	today := f.clock.now().Format(time.DateOnly)
	require.Equal(t, []string{"agent." + today + ".log"}, names(t, f.daily.dir), "one day is kept")

	f.daily.mu.Lock()
	f.daily.limit = 4500
	f.daily.mu.Unlock()
	for n := range 80 {
		f.log.Error(fmt.Sprintf("line %02d", n)) // each is written before the next, unless the disk is busy
	}
	text := f.fetch(`msg="line 79"`)
	require.Equal(t, []string{"agent." + today + ".1.log", "agent." + today + ".log"}, names(t, f.daily.dir))
	found := regexp.MustCompile(`msg="line (\d\d)"`).FindAllStringSubmatch(text, -1)
	require.Greater(t, len(found), strings.Count(content(t, f.daily.dir, "agent."+today+".log"), "msg=\"line "), "the earlier part of the day too")
	for i, line := range found {
		require.Equal(t, fmt.Sprintf("%02d", 80-len(found)+i), line[1], "in order")
	}
}
