package agentcli

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"time"
)

// levelPoll is how often the configuration files are looked at.
const levelPoll = 30 * time.Second

// levelWatch takes over log.level when the configuration file says another one,
// without a restart. Everything else in the file counts at the next start.
type levelWatch struct {
	level *slog.LevelVar
	log   *slog.Logger
	// read says what level the configuration gives now, where that comes from,
	// and which files it was read from.
	read    func() (readLevel, error)
	hangups <-chan os.Signal                        // asks to look now; nil: never
	until   func(every time.Duration) time.Duration // the next look; nil: every

	files  []string
	stamps []fileStamp
	told   string // the last trouble that was told
}

type readLevel struct {
	level  slog.Level
	origin string
	files  []string
}

// fileStamp changes when a file does.
type fileStamp struct {
	modified time.Time
	size     int64
	missing  bool
}

func stampsOf(files []string) []fileStamp {
	stamps := make([]fileStamp, 0, len(files))
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			stamps = append(stamps, fileStamp{missing: true})
			continue
		}
		stamps = append(stamps, fileStamp{modified: info.ModTime(), size: info.Size()})
	}
	return stamps
}

// newLevelWatch has not looked at the files: a change since they were read is
// found at the first look.
func newLevelWatch(level *slog.LevelVar, log *slog.Logger, files []string, read func() (readLevel, error)) *levelWatch {
	return &levelWatch{level: level, log: log, read: read, files: files}
}

// run looks at the files now and then, and at each hang-up, until ctx ends.
func (w *levelWatch) run(ctx context.Context) {
	timer := time.NewTimer(w.next())
	defer timer.Stop()
	for {
		if len(w.files) == 0 { // flags and variables do not change
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-w.hangups:
			w.told = "" // someone asks: they are told again
			w.reload(true)
			timer.Reset(w.next())
		case <-timer.C:
			w.reload(false)
			timer.Reset(w.next())
		}
	}
}

func (w *levelWatch) next() time.Duration {
	if w.until == nil {
		return levelPoll
	}
	return max(w.until(levelPoll), time.Second)
}

func (w *levelWatch) reload(asked bool) {
	stamps := stampsOf(w.files)
	if !asked && slices.Equal(stamps, w.stamps) {
		return
	}
	w.stamps = stamps
	now, err := w.read()
	if err != nil {
		w.trouble(err)
		return
	}
	w.told = ""
	if !slices.Equal(now.files, w.files) {
		w.files, w.stamps = now.files, stampsOf(now.files)
	}
	w.apply(now, asked)
}

// trouble is told once for each file that is broken in another way.
func (w *levelWatch) trouble(err error) {
	text := oneLine(err)
	if text == w.told {
		return
	}
	w.told = text
	w.log.Warn("the configuration cannot be read again; the log level stays", "level", levelName(w.level.Level()), "error", text)
}

func (w *levelWatch) apply(now readLevel, asked bool) {
	before := w.level.Level()
	w.level.Set(now.level)
	if before != now.level {
		// Above the old and the new level: whoever reads either log sees it.
		w.log.Log(context.Background(), max(slog.LevelInfo, before, now.level), "log level changed",
			"from", levelName(before), "to", levelName(now.level), "source", now.origin)
		return
	}
	if asked {
		w.log.Info("configuration read again; the log level is the same", "level", levelName(before), "source", now.origin)
	}
}

// readLevelAgain is what run's flags, variables and file say of the level now.
func readLevelAgain(flags flagValues, around surroundings) (readLevel, error) {
	l := newLoader(flags, around)
	l.readFile()
	l.level()
	if err := l.wrong.ordered(l.out.files...).err(); err != nil {
		return readLevel{}, err
	}
	return readLevel{level: l.out.config.LogLevel, origin: l.out.origins[levelSetting.name()], files: l.out.files}, nil
}

// watched is an agent that is watched over while it runs.
type watched struct {
	runner
	watch *levelWatch
}

func (w watched) Run(ctx context.Context) error {
	defer returnStart()()
	watching, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.watch.run(watching)
	}()
	defer func() { stop(); <-done }()
	return w.runner.Run(ctx)
}
