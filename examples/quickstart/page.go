package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/term"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// page is what a person sees on the standard output: one "label  value" a line.
type page struct {
	colour bool
}

func newPage() *page {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	return &page{colour: !plain && term.IsTerminal(int(os.Stdout.Fd())) && enableColour(os.Stdout)}
}

const (
	dim   = "2"
	red   = "31"
	green = "32"
)

func (p *page) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// line indents the further lines of a value below the first.
func (p *page) line(label, value string) {
	const width = 11
	value = strings.ReplaceAll(strings.TrimRight(value, "\r\n"), "\n", "\n"+strings.Repeat(" ", width))
	fmt.Printf("%s%s\n", p.paint(dim, fmt.Sprintf("%-*s", width, label)), value)
}

func (p *page) blank() { fmt.Println() }

func (p *page) text(lines ...string) {
	fmt.Printf("\n%s\n", strings.Join(lines, "\n"))
}

func (p *page) hosts(nc *nats.Conn, cfg agent.Config) {
	p.line("broker", fmt.Sprintf("nats-server %s with JetStream at %s", nc.ConnectedServerVersion(), nc.ConnectedUrl()))
	p.line("agent", fmt.Sprintf("%s, state in %s", cfg.ID, cfg.StateDir))
}

func (p *page) sends(c wire.Command, cfg agent.Config) {
	p.blank()
	p.line("command", c.Script)
	p.line("sent to", fmt.Sprintf("%s, for %s", wire.CommandsPC(cfg.ID), c.Shell))
}

func (p *page) result(r stored) {
	p.line("stdout", orNothing(r.Stdout))
	p.line("stderr", orNothing(r.Stderr))
	colour := green
	if r.ExitCode != 0 {
		colour = red
	}
	p.line("exit code", p.paint(colour, fmt.Sprint(r.ExitCode)))
	p.line("stored", fmt.Sprintf("stream %s, sequence %d, subject %s", wire.StreamResults, r.sequence, r.subject))
}

// resultOfAnother shows the result of a command that did not come from here.
func (p *page) resultOfAnother(r stored) {
	p.blank()
	p.line("request", r.RequestID)
	p.result(r)
}

func (p *page) took(r stored, way time.Duration) {
	p.line("took", fmt.Sprintf("%v from sending the command to reading its stored result, %v of it the command",
		way.Round(10*time.Microsecond), r.FinishedAt.Sub(r.StartedAt).Round(10*time.Microsecond)))
}

func (p *page) story() {
	p.text(
		"The agent wrote the command to its state folder before it ran it, and the result before it",
		"published it; the result left that folder when the stream had acknowledged it. An agent that is",
		"killed on the way still delivers exactly one result, after its next start.",
	)
}

// invitation says how another client sends commands.
func (p *page) invitation(url, pcID, shell string) {
	subject := wire.CommandsPC(pcID)
	payload := fmt.Sprintf(`{"id":"by-hand","version":"1","request_id":"by-hand-1","shell":%q,"script":%q,"timeout_secs":60}`,
		shell, greeting(shell))
	p.text("Send commands with any NATS client; their results are shown here. Ctrl-C stops.")
	p.blank()
	p.line("address", url)
	p.line("subject", subject)
	p.line("payload", payload)
	p.text("Each command needs a request_id of its own: a repeated one does not run again. With the nats command:", "",
		fmt.Sprintf("nats --server %s pub %s '%s'", url, subject, payload))
}

func orNothing(text string) string {
	if text == "" {
		return "(nothing)"
	}
	return text
}
