package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual writes one page for man about the program and all of its verbs. What a help
// text has laid out stays as it is.
func manual(w io.Writer, root *cobra.Command, version string, date time.Time) error {
	m := &page{}
	m.raw(".TH %s 1 %s \"%s %s\" \"System Administration\"", strings.ToUpper(root.Name()), date.Format(time.DateOnly), root.Name(), version)
	m.section("NAME")
	m.raw("%s \\- %s", escaped(root.Name()), escaped(strings.TrimSuffix(root.Short, ".")))
	m.section("SYNOPSIS")
	m.raw(".B %s\n[\\fIverb\\fR] [\\fIflags\\fR]", escaped(root.Name()))
	m.section("DESCRIPTION")
	m.laidOut(root.Long)
	m.section("EXAMPLES")
	m.laidOut(root.Example)
	m.section("FLAGS")
	m.flags(root.NonInheritedFlags())
	m.section("VERBS")
	m.verbs(root)
	m.section("FILES")
	m.laidOut("/etc/kanade/agent.toml      configuration\n/etc/kanade/release-keys/   public keys of releases\n/var/lib/kanade/            state: outboxes, ledger\n/var/log/kanade/            log")
	_, err := w.Write(m.out.Bytes())
	return err
}

type page struct{ out bytes.Buffer }

func (p *page) raw(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }
func (p *page) section(name string)            { p.raw(".SH %s", name) }

// laidOut keeps lines and indentation.
func (p *page) laidOut(text string) {
	if text = strings.Trim(text, "\n"); text == "" {
		return
	}
	p.raw(".nf")
	for line := range strings.Lines(text) {
		p.raw("%s", escaped(strings.TrimRight(line, "\n")))
	}
	p.raw(".fi")
}

func (p *page) verbs(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if cmd.Hidden || !cmd.IsAvailableCommand() {
			continue
		}
		p.raw(".SS %s", escaped(strings.TrimPrefix(cmd.CommandPath()+strings.TrimPrefix(cmd.Use, cmd.Name()), cmd.Root().Name()+" ")))
		if cmd.Long == "" {
			p.raw("%s", escaped(cmd.Short))
		}
		p.laidOut(cmd.Long)
		p.flags(cmd.NonInheritedFlags())
		p.verbs(cmd)
	}
}

func (p *page) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "\\-\\-" + escaped(f.Name)
		if f.Shorthand != "" {
			name = "\\-" + escaped(f.Shorthand) + ", " + name
		}
		if value != "" {
			name += " \\fI" + escaped(value) + "\\fR"
		}
		p.raw(".TP\n%s\n%s", name, escaped(usage))
	})
}

// escaped is text for roff: a line that begins with a dot or a quote is no request, and
// a minus is one that can be pasted into a shell.
func escaped(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", "\n.br\n").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
