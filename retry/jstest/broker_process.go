package jstest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const (
	readyTimeout = 30 * time.Second // a start takes 5–45 ms; the rest is for a loaded machine
	stopTimeout  = 30 * time.Second
	readyPoll    = 5 * time.Millisecond
	logTail      = 64 << 10
)

// process is one run of the server. Its goroutine ends with it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process is gone
}

// startReady runs the server until it greets on port with its own name. A port that is still taken (by the run
// before, or by a stranger for a moment) is tried again until the time is over.
func startReady(server, config, log string, port int, name string) (*process, error) {
	deadline := time.Now().Add(readyTimeout)
	for {
		p, err := startProcess(server, config, log)
		if err != nil {
			return nil, err
		}
		if p.awaitGreeting(port, name, deadline) {
			return p, nil
		}
		if err := p.kill(); err != nil {
			return nil, err
		}
		if time.Now().After(deadline) || !strings.Contains(tail(log), ": bind: ") {
			return nil, fmt.Errorf("no greeting on port %d; the server says:\n%s", port, tail(log))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// startProcess starts the server and a goroutine that waits for its end. That goroutine keeps its thread: on Linux
// the process is told to die with the thread that started it, and any other thread may end at any time.
func startProcess(server, config, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), server, "-c", config)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = dieWithParent()
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		defer func() { _ = out.Close() }()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, fmt.Errorf("run %s: %w", server, err)
	}
	return p, nil
}

func (p *process) awaitGreeting(port int, name string, deadline time.Time) bool {
	for time.Now().Before(deadline) {
		if greets(port, name) {
			return true
		}
		select {
		case <-p.done:
			return false
		case <-time.After(readyPoll):
		}
	}
	return false
}

// greets tells whether the server of this name accepts clients; a stranger on the port does not count. The server
// opens its port for clients after JetStream is up, and greets before any authentication.
func greets(port int, name string) bool {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", address(port))
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return false
	}
	var info struct {
		Name string `json:"server_name"`
	}
	text, found := strings.CutPrefix(line, "INFO ")
	return found && json.Unmarshal([]byte(text), &info) == nil && info.Name == name
}

func (p *process) stop() error { return p.end(terminateProcess) }

func (p *process) kill() error { return p.end((*os.Process).Kill) }

func (p *process) end(how func(*os.Process) error) error {
	if err := how(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("the server did not end within %s and was killed", stopTimeout)
	}
}

// portLease keeps a loopback port for one broker, also while that broker is down. The port is even and below the
// range from which systems take the ports of outgoing connections; the odd one above it is held open as the sign for
// other test processes that it is taken.
type portLease struct {
	number int
	guard  net.Listener
}

const (
	firstPort = 20000
	lastPort  = 32000
)

func leasePort() (*portLease, error) {
	for range 1000 {
		port := firstPort + 2*rand.IntN((lastPort-firstPort)/2)
		guard, err := listen(port + 1)
		if err != nil {
			continue
		}
		if probe, err := listen(port); err == nil {
			_ = probe.Close()
			return &portLease{number: port, guard: guard}, nil
		}
		_ = guard.Close()
	}
	return nil, fmt.Errorf("jstest: reserve port: none free between %d and %d", firstPort, lastPort)
}

func (l *portLease) release() { _ = l.guard.Close() }

func listen(port int) (net.Listener, error) {
	var cfg net.ListenConfig
	return cfg.Listen(context.Background(), "tcp", address(port))
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// tail returns the end of a log file, or why there is none.
func tail(name string) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-logTail):])
}
