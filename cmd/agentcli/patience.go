package agentcli

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// patience tells a person at a terminal that a piece of work goes on, when
// nothing was printed for a second.
type patience struct {
	mu    sync.Mutex
	line  *progress // nil: nobody is at a terminal
	since time.Time // of the last thing that was printed
	stop  chan struct{}
	done  chan struct{}
}

func newPatience(out io.Writer, what string) *patience {
	p := &patience{since: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	if !isTerminal(out) {
		close(p.done)
		return p
	}
	p.line = &progress{out: out}
	go p.run(what)
	return p
}

func (p *patience) run(what string) {
	defer close(p.done)
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.tick(what)
		}
	}
}

func (p *patience) tick(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if waited := time.Since(p.since); waited >= progressAfter {
		p.line.line(fmt.Sprintf("%s … %d s", what, int(waited.Seconds())))
	}
}

// print writes text in place of the line.
func (p *patience) print(out io.Writer, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil {
		p.line.end()
	}
	p.since = time.Now()
	_, err := io.WriteString(out, text)
	return err
}

// over is out, for what does not know of the line.
func (p *patience) over(out io.Writer) io.Writer { return patientWriter{p, out} }

// log writes lines to out.
func (p *patience) log(out io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.over(out), nil))
}

type patientWriter struct {
	patience *patience
	out      io.Writer
}

func (w patientWriter) Write(text []byte) (int, error) {
	if err := w.patience.print(w.out, string(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

func (p *patience) end() {
	close(p.stop)
	<-p.done
	if p.line != nil {
		p.line.end()
	}
}
