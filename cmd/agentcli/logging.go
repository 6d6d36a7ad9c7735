package agentcli

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/kanade-go/kanade/agent"
)

// lineTime is how times are written to pipes and files: UTC, microseconds.
const lineTime = "2006-01-02T15:04:05.000000Z07:00"

// logs are the loggers of one run. None of them waits for a disk or a terminal: a
// log that cannot be written must not stop the agent.
type logs struct {
	all   *slog.Logger   // standard output, and the file if there is one
	file  *slog.Logger   // the file alone
	level *slog.LevelVar // of both; it may be set at any time
	close func() error   // for after the last line; it says what was not written
}

func silentLogs() logs {
	silent := slog.New(slog.DiscardHandler)
	return logs{all: silent, file: silent, level: new(slog.LevelVar), close: func() error { return nil }}
}

// openLogs logs to out and to the daily file, if there is one. crash, if not nil, is
// told which file takes what the runtime says when the program breaks down; nil: none.
func openLogs(out io.Writer, c agent.Config, lookupEnv func(string) (string, bool), crash func(*os.File)) logs {
	opened := silentLogs()
	opened.level.Set(c.LogLevel)
	console := openSink(out, opened.level, consoleForm(out, lookupEnv))
	all := prompt{Handler: console.handler, sinks: []*sink{console}}
	opened.all, opened.close = slog.New(all), sync.OnceValue(all.close)
	if c.LogFile == "" || c.LogKeepDays == 0 {
		return opened
	}
	daily := newDailyFile(c.LogFile, c.LogKeepDays, func(err error) {
		slog.New(console.handler).Warn(err.Error())
	})
	daily.crash = crash
	file := openSink(daily, opened.level, lineHandler)
	file.closer = daily
	all = prompt{Handler: slog.NewMultiHandler(console.handler, file.handler), sinks: []*sink{file, console}}
	opened.all, opened.close = slog.New(all), sync.OnceValue(all.close)
	opened.file = slog.New(prompt{Handler: file.handler, sinks: []*sink{file}})
	return opened
}

// form is how lines are written to something.
type form func(io.Writer, slog.Leveler) slog.Handler

// consoleForm writes for a person at a terminal, else for a machine.
func consoleForm(out io.Writer, lookupEnv func(string) (string, bool)) form {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return lineHandler
	}
	noColour, _ := lookupEnv("NO_COLOR")
	kind, _ := lookupEnv("TERM")
	plain := noColour != "" || kind == "dumb" || !enableColour(file)
	return func(w io.Writer, level slog.Leveler) slog.Handler {
		return tint.NewTextHandler(w, &tint.Options{
			Level: level, TimeFormat: time.TimeOnly, NoColor: plain, ReplaceAttr: nameTrace,
		})
	}
}

// lineHandler writes key=value lines.
func lineHandler(out io.Writer, level slog.Leveler) slog.Handler {
	return slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: lineAttr})
}

func lineAttr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.String(a.Key, a.Value.Time().UTC().Format(lineTime))
	}
	return nameTrace(groups, a)
}

// nameTrace names the level that slog has no name for.
func nameTrace(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey && level <= levelTrace {
		return slog.String(a.Key, "TRACE")
	}
	return a
}
