package exec

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// patience is how long a test waits for an event that must come.
const patience = 60 * time.Second

// The test binary is also the child, the grandchild and, under another name, the shell of its own tests.
func TestMain(m *testing.M) {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	switch {
	case len(os.Args) > 1 && os.Args[1] == "helper":
		os.Exit(helper(os.Args[2], os.Args[3:]))
	case name == "sh" || name == "pwsh" || name == "powershell" || name == "cmd":
		os.Exit(fakeShell())
	}
	goleak.VerifyTestMain(m)
}

func helper(verb string, args []string) int {
	switch verb {
	case "exit": // CODE
		code, err := strconv.ParseInt(args[0], 0, 64)
		orDie(err)
		return int(code)
	case "print": // STDOUT STDERR
		fmt.Print(args[0])
		fmt.Fprint(os.Stderr, args[1])
	case "bytes": // HEX HEX: to stdout and stderr
		for i, f := range []*os.File{os.Stdout, os.Stderr} {
			b, err := hex.DecodeString(args[i])
			orDie(err)
			_, err = f.Write(b)
			orDie(err)
		}
	case "flood": // BYTES: on stdout alone, without a newline
		flood(args[0])
	case "spew": // BYTES: on both streams, without a newline
		spew(args[0])
	case "report": // ARG...
		stdin, err := io.ReadAll(os.Stdin)
		orDie(err)
		dir, err := os.Getwd()
		orDie(err)
		orDie(json.NewEncoder(os.Stdout).Encode(report{Args: args, Env: os.Environ(), Dir: dir, Stdin: string(stdin)}))
	case "leave": // ADDRESS NAME: a background child that keeps the pipes
		background(true, "hold", args[0], args[1])
	case "leave-quiet": // ADDRESS NAME: a background child without the pipes
		background(false, "hold", args[0], args[1])
	case "parent": // ADDRESS NAME CHILD-VERB CHILD-NAME
		background(true, args[2], args[0], args[3])
		return obey(dial(args[0], args[1]))
	case "bomb": // DEPTH
		bomb(args[0])
	case "burn": // MILLISECONDS of processor time, about
		burn(args[0])
	case "eat": // BYTES ADDRESS NAME
		eaten := eat(args[0])
		defer runtime.KeepAlive(eaten)
		return obey(dial(args[1], args[2]))
	case "hold": // ADDRESS NAME
		return obey(dial(args[0], args[1]))
	case "stubborn": // ADDRESS NAME: ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		return obey(dial(args[0], args[1]))
	case "apart": // VERB ARG...: in a process group of its own
		leaveGroup()
		return helper(args[0], args[1:])
	case "graceful": // ADDRESS NAME: tells of SIGTERM and lives on
		conn := signalTeller(args[0], args[1])
		return obey(conn)
	default:
		orDie(fmt.Errorf("no verb %q", verb))
	}
	return 0
}

type report struct {
	Args  []string
	Env   []string
	Dir   string
	Stdin string
}

func orDie(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(99)
	}
}

func spew(size string) {
	n, err := strconv.Atoi(size)
	orDie(err)
	block := []byte(strings.Repeat("0123456789abcdef", 4096))
	for ; n > 0; n -= len(block) {
		block = block[:min(n, len(block))]
		_, err := os.Stdout.Write(block)
		orDie(err)
		_, err = os.Stderr.Write(block)
		orDie(err)
	}
}

// bomb splits in two until the depth is 0, and waits for its end.
func bomb(depth string) {
	n, err := strconv.Atoi(depth)
	orDie(err)
	for range 2 {
		if n > 0 {
			background(true, "bomb", strconv.Itoa(n-1))
		}
	}
	time.Sleep(time.Hour)
}

func burn(milliseconds string) {
	n, err := strconv.Atoi(milliseconds)
	orDie(err)
	for end := time.Now().Add(time.Duration(n) * time.Millisecond); time.Now().Before(end); {
		for i := range 1_000_000 {
			burnt += i
		}
	}
}

var burnt int

func eat(size string) []byte {
	n, err := strconv.Atoi(size)
	orDie(err)
	eaten := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		eaten[i] = 1
	}
	return eaten
}

func flood(size string) {
	n, err := strconv.ParseInt(size, 10, 64)
	orDie(err)
	block := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(block)) {
		_, err := os.Stdout.Write(block[:min(n, int64(len(block)))])
		orDie(err)
	}
}

func background(keepPipes bool, args ...string) {
	cmd := osexec.Command(os.Args[0], append([]string{"helper"}, args...)...)
	if keepPipes {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	orDie(cmd.Start())
}

func dial(address, name string) net.Conn {
	conn, err := net.Dial("tcp", address)
	orDie(err)
	_, err = fmt.Fprintln(conn, name, os.Getpid())
	orDie(err)
	return conn
}

func signalTeller(address, name string) net.Conn {
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	conn := dial(address, name)
	go func() {
		for range terms {
			_, err := fmt.Fprintln(conn, "term")
			orDie(err)
		}
	}()
	return conn
}

// obey does what the test says until it says exit, or is gone.
func obey(conn net.Conn) int {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		verb, arg, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "exit":
			code, err := strconv.Atoi(arg)
			orDie(err)
			return code
		case "echo":
			_, err := fmt.Fprintln(conn, arg)
			orDie(err)
		case "print": // may fail: the reader can be gone
			fmt.Print(arg)
		case "chatter": // until nobody can read it any more, for a minute at most
			for range 6000 {
				if _, err := fmt.Print(arg); err != nil {
					return 0
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	return 0
}

// board is where helper processes of a test report and get their orders. A process that ends, ends its connection.
type board struct {
	t        *testing.T
	listener *net.TCPListener
}

func newBoard(t *testing.T) *board {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return &board{t: t, listener: listener}
}

func (b *board) address() string { return b.listener.Addr().String() }

// arrived returns up to n processes that have reported before this call, whether they live or not.
func (b *board) arrived(n int) []*peer {
	b.t.Helper()
	var peers []*peer
	for range n {
		require.NoError(b.t, b.listener.SetDeadline(time.Now().Add(time.Second)))
		conn, err := b.listener.Accept()
		if err != nil {
			break
		}
		b.t.Cleanup(func() { _ = conn.Close() })
		p := &peer{t: b.t, conn: conn, lines: bufio.NewReader(conn)}
		if hello, err := p.lines.ReadString('\n'); err == nil {
			p.introduce(hello)
			peers = append(peers, p)
		}
	}
	return peers
}

// await returns the named processes, in that order, once all of them have reported.
func (b *board) await(names ...string) []*peer {
	b.t.Helper()
	found := map[string]*peer{}
	for range names {
		require.NoError(b.t, b.listener.SetDeadline(time.Now().Add(patience)))
		conn, err := b.listener.Accept()
		require.NoError(b.t, err)
		b.t.Cleanup(func() { _ = conn.Close() })
		p := &peer{t: b.t, conn: conn, lines: bufio.NewReader(conn)}
		p.introduce(p.line())
		found[p.name] = p
	}
	peers := make([]*peer, len(names))
	for i, name := range names {
		require.Contains(b.t, found, name)
		peers[i] = found[name]
	}
	return peers
}

type peer struct {
	t       *testing.T
	conn    net.Conn
	lines   *bufio.Reader
	name    string
	process watchedProcess
}

// introduce takes the first line: name and process ID.
func (p *peer) introduce(hello string) {
	p.t.Helper()
	var pid int
	_, err := fmt.Sscan(hello, &p.name, &pid)
	require.NoError(p.t, err)
	p.process = watchProcess(p.t, pid)
}

func (p *peer) line() string {
	p.t.Helper()
	require.NoError(p.t, p.conn.SetReadDeadline(time.Now().Add(patience)))
	line, err := p.lines.ReadString('\n')
	require.NoError(p.t, err)
	return strings.TrimSpace(line)
}

func (p *peer) tell(order string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.conn, order)
	require.NoError(p.t, err)
}

func (p *peer) requireAlive() {
	p.t.Helper()
	p.tell("echo here")
	require.Equal(p.t, "here", p.line())
}

// dismiss ends the process.
func (p *peer) dismiss() {
	p.t.Helper()
	p.tell("exit 0")
	p.requireGone()
}

// started is a run that goes on beside the test.
type started struct {
	t    *testing.T
	done chan result
}

type result struct {
	out Outcome
	err error
}

func (s *started) outcome() Outcome {
	s.t.Helper()
	select {
	case r := <-s.done:
		require.NoError(s.t, r.err)
		return r.out
	case <-time.After(patience):
		require.FailNow(s.t, "the run does not return")
		return Outcome{}
	}
}
