package agentcli

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/kanade-go/kanade/agent"
)

// lineTime is how times are written to pipes and files: UTC, microseconds.
const lineTime = "2006-01-02T15:04:05.000000Z07:00"

// logs are the loggers of one run.
type logs struct {
	all   *slog.Logger   // standard output, and the file if there is one
	file  *slog.Logger   // the file alone
	level *slog.LevelVar // of both; it may be set at any time
	close func() error   // for after the last line
}

func silentLogs() logs {
	silent := slog.New(slog.DiscardHandler)
	return logs{all: silent, file: silent, level: new(slog.LevelVar), close: func() error { return nil }}
}

// openLogs logs to out and to the daily file, if there is one.
func openLogs(out io.Writer, c agent.Config, lookupEnv func(string) (string, bool)) logs {
	opened := silentLogs()
	opened.level.Set(c.LogLevel)
	console := consoleHandler(out, opened.level, lookupEnv)
	opened.all = slog.New(console)
	if c.LogFile == "" || c.LogKeepDays == 0 {
		return opened
	}
	file := newDailyFile(c.LogFile, c.LogKeepDays, func(err error) {
		slog.New(console).Warn(err.Error())
	})
	lines := lineHandler(file, opened.level)
	opened.all, opened.file, opened.close = slog.New(slog.NewMultiHandler(console, lines)), slog.New(lines), file.Close
	return opened
}

// consoleHandler writes for a person at a terminal, else for a machine.
func consoleHandler(out io.Writer, level slog.Leveler, lookupEnv func(string) (string, bool)) slog.Handler {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return lineHandler(out, level)
	}
	noColour, _ := lookupEnv("NO_COLOR")
	kind, _ := lookupEnv("TERM")
	plain := noColour != "" || kind == "dumb" || !enableColour(file)
	return tint.NewTextHandler(out, &tint.Options{
		Level: level, TimeFormat: time.TimeOnly, NoColor: plain, ReplaceAttr: nameTrace,
	})
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
