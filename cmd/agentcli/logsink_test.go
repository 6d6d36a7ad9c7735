package agentcli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// An error is in the file before the call returns: whoever logs one may be about to
// end the process.
func TestAnErrorIsWrittenAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // a busy disk takes no time there, and a call that does not wait finds nothing
		logs := openLogs(io.Discard, agent.Config{LogFile: filepath.Join(dir, "x.log"), LogKeepDays: 2}, noEnv, nil)
		defer func() { require.NoError(t, logs.close()) }()
		log := logs.all.With("component", "x").WithGroup("g")
		for _, text := range []string{"one", "two"} {
			log.Info("before " + text)
			log.Error(text)
			require.Contains(t, content(t, dir, names(t, dir)[0]), "msg=\"before "+text+"\" component=x\n")
			require.Contains(t, content(t, dir, names(t, dir)[0]), "msg="+text+" component=x\n")
		}
	})
}

// The end waits for a disk that hangs, but not for ever, and says what is missing.
func TestTheEndHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(true)
		s := openSink(g, slog.LevelInfo, lineHandler)
		log := slog.New(prompt{Handler: s.handler, sinks: []*sink{s}})
		began := time.Now()
		log.Error("a")
		log.Error("b")
		require.Equal(t, promptWait, time.Since(began), "only the first one waits")
		began = time.Now()
		require.EqualError(t, prompt{sinks: []*sink{s}}.close(), "2 log lines were not written within 2s")
		require.Equal(t, closeWait, time.Since(began))
		log.Info("too late")
		require.EqualValues(t, 1, log.Handler().(interface{ DroppedLines() uint64 }).DroppedLines())
		g.set(false, nil)
		<-s.done
		require.Equal(t, 3, strings.Count(g.written(), "\n"))
		require.Contains(t, g.written(), `level=WARN msg="log lines are missing here: they could not be written in time" lines=1 since_start=1`)
	})
}

func TestOneOfTwoPlacesHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs, works := newGate(true), newGate(false)
		one, two := openSink(hangs, slog.LevelInfo, lineHandler), openSink(works, slog.LevelInfo, lineHandler)
		both := prompt{Handler: slog.NewMultiHandler(one.handler, two.handler), sinks: []*sink{one, two}}
		for range 1000 {
			slog.New(both).Info("line")
		}
		require.ErrorContains(t, both.close(), "1000 log lines were not written")
		require.Equal(t, 1000, strings.Count(works.written(), "\n"))
		hangs.set(false, nil)
		<-one.done
	})
}

func TestAFileThatIsFullIsCounted(t *testing.T) {
	t.Parallel()
	blocked := writeFile(t, "file", "")
	synctest.Test(t, func(t *testing.T) { // a busy disk takes no time there
		var out bytes.Buffer
		logs := openLogs(&out, agent.Config{LogFile: filepath.Join(blocked, "x.log"), LogKeepDays: 2}, noEnv, nil)
		logs.all.Error("one")
		logs.all.Error("two")
		require.EqualValues(t, 2, logs.all.Handler().(interface{ DroppedLines() uint64 }).DroppedLines())
		require.NoError(t, logs.close())
		require.NoError(t, logs.close(), "twice is once")
	})
}

const crashEnv = "KANADE_TEST_CRASH"

// crash is the life of another process of a test: it logs, and ends in a way that no
// deferred call sees.
func crash(how, dir string) {
	logs := openLogs(io.Discard, agent.Config{LogFile: filepath.Join(dir, "x.log"), LogKeepDays: 2}, noEnv, takeCrashes)
	logs.all.Error("first words")
	for entries, _ := os.ReadDir(dir); len(entries) == 0; entries, _ = os.ReadDir(dir) {
		time.Sleep(time.Millisecond) // a busy disk makes no file in the time that an error waits
	}
	for range 1000 {
		logs.all.Info("before")
	}
	logs.all.Error("last words")
	switch how {
	case "exit":
		p := newProgram(nil)
		p.last = func(err error) { logs.file.Error("ended", "error", err); _ = logs.close() }
		p.last(errors.New("broken"))
		os.Exit(3)
	case "panic":
		go func() { panic("out of the blue") }()
		select {}
	case "fatal":
		all := map[int]int{}
		for range 8 {
			go func() {
				for i := 0; ; i++ {
					all[i%8] = i
				}
			}()
		}
		select {}
	}
}

func TestMain(m *testing.M) {
	if how, dir, found := strings.Cut(os.Getenv(crashEnv), ":"); found {
		crash(how, dir)
	}
	os.Exit(m.Run())
}

// However the process ends, what it said last is in the file.
func TestTheLastLinesReachTheFile(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	require.NoError(t, err)
	for how, want := range map[string]string{
		"exit":  `level=ERROR msg=ended error=broken`,
		"panic": "panic: out of the blue\n\ngoroutine ",
		"fatal": "agentcli.crash.func", // of the stack; the runtime keeps the first line to itself
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, program)
			child.Env = append(os.Environ(), crashEnv+"="+how+":"+dir)
			said, err := child.CombinedOutput()
			var ended *exec.ExitError
			require.ErrorAs(t, err, &ended)
			require.NoError(t, ctx.Err(), "%s", said)
			text := content(t, dir, names(t, dir)[0])
			require.Equal(t, 1000, strings.Count(text, "msg=before\n"))
			_, end, found := strings.Cut(text, `level=ERROR msg="last words"`+"\n")
			require.True(t, found, "%.1000s", text)
			require.Contains(t, end, want)
		})
	}
}
