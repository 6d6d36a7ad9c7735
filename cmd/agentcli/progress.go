package agentcli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// progress tells a person at a terminal how far a long piece of work is. Zero
// value: it is silent.
type progress struct {
	out   io.Writer
	what  string
	next  time.Time
	width int // of what is on the line
}

// newProgress is silent when out is not a terminal.
func newProgress(out io.Writer, what string) *progress {
	if !isTerminal(out) {
		return &progress{}
	}
	return &progress{out: out, what: what, next: time.Now().Add(progressAfter)}
}

func (p *progress) at(done, total int) {
	if p.out == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	p.line(fmt.Sprintf("%s: %d of %d", p.what, done, total))
}

// end clears the line.
func (p *progress) end() {
	if p.width > 0 {
		p.line("")
		_, _ = io.WriteString(p.out, "\r") // of no consequence
	}
}

func (p *progress) line(text string) {
	_, _ = fmt.Fprintf(p.out, "\r%s%s", text, strings.Repeat(" ", max(0, p.width-len(text)))) // of no consequence
	p.width = len(text)
}
