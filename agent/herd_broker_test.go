package agent_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// instant is how long the work is for which the broker's load is given.
const instant = 100 * time.Millisecond

// monitor asks a broker what its clients have done. The broker counts every
// message that a client publishes: requests, acks and results alike.
type monitor struct {
	t    *testing.T
	port int
	own  func() uint64 // messages published by the test itself

	mu      sync.Mutex
	samples []sample
}

// sample is what the broker has received from agents, all together.
type sample struct {
	run   time.Time // since when this process of the broker runs
	at    time.Time
	count int
}

func (m *monitor) get(path string, into any) error {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/%s", m.port, path))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

// config opens the monitor's port at the broker.
func (m *monitor) config() string { return fmt.Sprintf("http: \"127.0.0.1:%d\"", m.port) }

// watch samples the broker until the test ends. While it is down there is nothing
// to sample.
func (m *monitor) watch() {
	ended, done := make(chan struct{}), make(chan struct{})
	m.t.Cleanup(func() {
		close(ended)
		<-done
	})
	go func() {
		defer close(done)
		tick := time.NewTicker(instant / 5)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				m.sample()
			}
		}
	}()
}

func (m *monitor) sample() {
	var v struct {
		Start  time.Time `json:"start"`
		Now    time.Time `json:"now"`
		InMsgs uint64    `json:"in_msgs"`
	}
	if m.get("varz", &v) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples = append(m.samples, sample{run: v.Start, at: v.Now, count: int(v.InMsgs) - int(m.own())})
}

// mostRequests is the most in an instant since a time, or between two samples
// where those are further apart.
func (m *monitor) mostRequests(since time.Time) (most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := 0
	for i, s := range m.samples {
		if s.at.Before(since) || i == 0 || !s.run.Equal(m.samples[i-1].run) {
			first = i
			continue
		}
		for first < i-1 && s.at.Sub(m.samples[first].at) > instant {
			first++
		}
		most = max(most, s.count-m.samples[first].count)
	}
	return most
}

// client is what the broker knows of one agent since its own start.
type client struct {
	requests, connections, subscriptions int
}

type census struct {
	run     time.Time
	clients map[string]client
	starts  []time.Time // of their connections
}

// census counts the agents' work, by client name.
func (m *monitor) census() census {
	m.t.Helper()
	var v struct{ Start time.Time }
	require.NoError(m.t, m.get("varz", &v))
	var z struct {
		Connections []struct {
			Name          string
			Start         time.Time
			InMsgs        int `json:"in_msgs"`
			Subscriptions int
		}
	}
	require.NoError(m.t, m.get("connz?state=all&limit=100000", &z))
	all := census{run: v.Start, clients: map[string]client{}}
	for _, c := range z.Connections {
		if !strings.HasPrefix(c.Name, wire.ClientName("")) {
			continue
		}
		sum := all.clients[c.Name]
		all.clients[c.Name] = client{sum.requests + c.InMsgs, sum.connections + 1, sum.subscriptions + c.Subscriptions}
		all.starts = append(all.starts, c.Start)
	}
	return all
}

// since is the requests of each agent after an earlier census, ascending. A
// broker that was started in between counts anew.
func (c census) since(before census) (requests []int) {
	for name, now := range c.clients {
		if c.run.Equal(before.run) {
			now.requests -= before.clients[name].requests
		}
		requests = append(requests, now.requests)
	}
	slices.Sort(requests)
	return requests
}

// mostConnections is the most in an instant since a time.
func (c census) mostConnections(since time.Time) (most int) {
	starts := slices.SortedFunc(slices.Values(c.starts), time.Time.Compare)
	first := 0
	for i, at := range starts {
		for at.Sub(starts[first]) > instant {
			first++
		}
		if !starts[first].Before(since) {
			most = max(most, i-first+1)
		}
	}
	return most
}

// maxConnections is the most of one agent.
func (c census) maxConnections() (most int) {
	for _, one := range c.clients {
		most = max(most, one.connections)
	}
	return most
}
