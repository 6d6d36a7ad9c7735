//go:build amd64 || arm64

package selfpipe

import (
	"fmt"
	"math/bits"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Notify offers signals to c until stop is called. It panics when another call in force
// hears one of them.
func Notify(c chan<- os.Signal, signals ...os.Signal) (stop func()) {
	if !process.add(c, signals) {
		return notifyByRuntime(c, signals)
	}
	return sync.OnceFunc(func() { process.remove(signals) })
}

// hearable are those that are never the runtime's own business.
var hearable = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}

// process is this one: it has one handler, which knows one pipe.
var process pipe

// pipe wakes who offers what the handler has noted. It is never closed: the handler may
// be at work on another thread, with the number of the file in its hand.
type pipe struct {
	mu    sync.Mutex
	read  *os.File // nil: not open yet
	heard map[os.Signal]listener
}

type listener struct {
	to       chan<- os.Signal
	original action // of the signal, which it gets back
}

// add is false when it takes nothing: the runtime knows what to do then.
func (p *pipe) add(c chan<- os.Signal, signals []os.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(signals) == 0 || !p.open() {
		return false
	}
	for n, s := range signals {
		if !p.take(s, c) {
			p.giveBack(signals[:n])
			return false
		}
	}
	return true
}

// remove returns when nothing is offered any more.
func (p *pipe) remove(signals []os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack(signals)
}

func (p *pipe) open() bool {
	if p.read != nil {
		return true
	}
	var ends [2]int
	if syscall.Pipe2(ends[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC) != nil {
		return false
	}
	read := os.NewFile(uintptr(ends[0]), "signals")
	if read.SetReadDeadline(time.Time{}) != nil { // the poller did not take it: a read would not wait
		_, _ = read.Close(), syscall.Close(ends[1]) // nobody knows of it
		return false
	}
	atomic.StoreInt64(&writeEnd, int64(ends[1]))
	p.read, p.heard = read, map[os.Signal]listener{}
	go p.relay() // for the life of the process, as the goroutine of os/signal
	return true
}

// take gives the kernel our handler.
func (p *pipe) take(s os.Signal, c chan<- os.Signal) bool {
	if !slices.Contains(hearable, s) {
		return false
	}
	if _, heard := p.heard[s]; heard {
		panic(fmt.Sprintf("selfpipe: %v is heard already", s))
	}
	number := s.(syscall.Signal) // as all of hearable
	atomic.AndUint64(&pending, ^(uint64(1) << number))
	original, ok := replaceHandler(number)
	if ok {
		p.heard[s] = listener{to: c, original: original}
	}
	return ok
}

// giveBack first has the signals do what they did before, so that none is lost between.
func (p *pipe) giveBack(signals []os.Signal) {
	for _, s := range signals {
		if l, heard := p.heard[s]; heard {
			_ = changeAction(s.(syscall.Signal), &l.original, nil) // it was in force once, and is valid therefore
		}
	}
	p.offer()
	for _, s := range signals {
		delete(p.heard, s)
	}
}

func (p *pipe) relay() {
	for wakes := make([]byte, 64); ; {
		if _, err := p.read.Read(wakes); err != nil {
			panic(fmt.Sprintf("selfpipe: %v", err)) // better than a program that no signal ends
		}
		p.mu.Lock()
		p.offer()
		p.mu.Unlock()
	}
}

// offer hands on what came until now. A full channel is not waited for.
func (p *pipe) offer() {
	for came := atomic.SwapUint64(&pending, 0); came != 0; came &= came - 1 {
		s := os.Signal(syscall.Signal(bits.TrailingZeros64(came)))
		select {
		case p.heard[s].to <- s: // of nobody: a nil channel, which takes nothing
		default:
		}
	}
}
