package agentcli

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent"
)

// managerVariables are what systemd hands to a service alone. A script that had them
// could speak for the agent.
var managerVariables = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}

// manager is who is told how the agent is, in the protocol of sd_notify(3): datagrams
// with lines of KEY=value to the socket that NOTIFY_SOCKET names.
type manager struct {
	socket string
	// watchdog is how long the manager waits for a sign of life; 0: for ever.
	watchdog time.Duration
	send     func(socket, state string) error
}

// managerOf finds out who started this process; nil: nobody who wants to be told.
func managerOf(lookupEnv func(string) (string, bool)) *manager {
	socket, _ := lookupEnv("NOTIFY_SOCKET")
	if !strings.HasPrefix(socket, "/") && !strings.HasPrefix(socket, "@") {
		return nil
	}
	m := &manager{socket: socket, send: sendState}
	micros, _ := lookupEnv("WATCHDOG_USEC")
	pid, given := lookupEnv("WATCHDOG_PID")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err == nil && n > 0 && n < int64(24*time.Hour/time.Microsecond) && (!given || pid == strconv.Itoa(os.Getpid())) {
		m.watchdog = time.Duration(n) * time.Microsecond
	}
	return m
}

// sendState writes one datagram. A name that begins with @ is one without a file,
// which package net knows too.
func sendState(socket, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // a datagram is sent or not
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}

// meetManager finds the manager, and takes what it gave this process out of the
// environment of all that comes after.
func (r *running) meetManager() error {
	r.manager = managerOf(r.around.lookupEnv)
	for _, name := range managerVariables {
		if _, given := r.around.lookupEnv(name); !given {
			continue
		}
		if err := r.unsetenv(name); err != nil {
			return err
		}
	}
	return nil
}

// telling has the manager told of an agent that can say how it is.
func (r *running) telling(runs, it runner) runner {
	healthy, can := it.(interface{ Status() agent.Status })
	if r.manager == nil || !can {
		return runs
	}
	log := r.logs.all
	return told{runner: runs, manager: r.manager, health: healthy.Status, failed: func(err error) {
		log.Warn("the service manager cannot be told", "error", err)
	}}
}

// statusEvery is how often the manager hears how the agent is, at least.
const statusEvery = 30 * time.Second

// openWithin is how long the manager is kept waiting for an agent that opens its
// state folder. An error until then fails the start; a large folder does not.
const openWithin = 5 * time.Second

// told is an agent whose manager is told how it is.
type told struct {
	runner
	manager *manager
	health  func() agent.Status // takes the agent's locks: its return is the sign of life
	failed  func(error)         // once for each run of failures
}

// Run says READY=1 when the agent has its state folder, STOPPING=1 when it ends, and
// WATCHDOG=1 in between, and while it stops.
func (a told) Run(ctx context.Context) error {
	ended := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.tell(ctx.Done(), ended)
	}()
	err := a.runner.Run(ctx)
	close(ended)
	<-done
	return err
}

func (a told) tell(stopping, ended <-chan struct{}) {
	s := &sender{manager: a.manager, failed: a.failed}
	if !a.opened(stopping, ended) {
		return
	}
	s.say("READY=1\nSTATUS=" + statusLine(a.health()))
	ticker := time.NewTicker(a.manager.interval())
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			s.say("STOPPING=1")
			return
		case <-stopping:
			stopping = nil
			s.say("STOPPING=1\nSTATUS=stopping")
		case <-ticker.C:
			s.say("WATCHDOG=1\nSTATUS=" + statusLine(a.health()))
		}
	}
}

// opened waits until the agent has its state folder; false: it ends.
func (a told) opened(stopping, ended <-chan struct{}) bool {
	late := time.NewTimer(openWithin)
	defer late.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !a.health().Running {
		select {
		case <-ended:
			return false
		case <-stopping:
			return true
		case <-late.C:
			return true
		case <-ticker.C:
		}
	}
	return true
}

// interval: three signs of life for each that the manager expects.
func (m *manager) interval() time.Duration {
	if m.watchdog == 0 {
		return statusEvery
	}
	return max(min(m.watchdog/3, statusEvery), time.Millisecond)
}

// sender reports the first of a row of failures: the manager may have gone.
type sender struct {
	manager *manager
	failed  func(error)
	broken  bool
}

func (s *sender) say(state string) {
	err := s.manager.send(s.manager.socket, state)
	if err != nil && !s.broken {
		s.failed(fmt.Errorf("tell the service manager: %w", err))
	}
	s.broken = err != nil
}

// statusLine is what an administrator reads beside the state of the service.
func statusLine(s agent.Status) string {
	if !s.Running { // the state folder is not open yet, or not any more
		return "starting or stopping"
	}
	var text []string
	if s.Connected {
		text = append(text, "connected to "+s.Server)
	} else {
		text = append(text, "not connected since "+s.Since.Format(time.RFC3339))
	}
	waiting := s.Results.Pending + s.Starts.Pending + s.Observations.Pending
	text = append(text, counted(s.Commands.Running, "command")+" running", counted(waiting, "record")+" to deliver")
	if n := len(s.Problems()); n > 0 {
		text = append(text, counted(n, "problem"))
	}
	return visible(strings.Join(text, "; "))
}
