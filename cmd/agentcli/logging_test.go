package agentcli

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

func noEnv(string) (string, bool) { return "", false }

func TestLogsToPipeAndFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	c := agent.Config{LogFile: filepath.Join(dir, "x.log"), LogKeepDays: 2, LogLevel: slog.LevelWarn}
	logs := openLogs(&out, c, noEnv, nil)
	logs.all.With("component", "intake").Warn("two words", "n", 3, "err", errors.New("a \"b\""))
	logs.all.Info("not this one")
	logs.file.Error("only in the file")
	require.NoError(t, logs.close())

	line := `^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=WARN msg="two words" component=intake n=3 err="a \\"b\\""\n`
	require.Regexp(t, line+`$`, out.String())
	files := names(t, dir)
	require.Len(t, files, 1)
	text := content(t, dir, files[0])
	require.Regexp(t, line, text)
	require.Contains(t, text, "only in the file")
	require.NotContains(t, text, "\x1b")
}

func TestTheLevelIsChangedLive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	logs := openLogs(&out, agent.Config{LogFile: filepath.Join(dir, "x.log"), LogKeepDays: 2, LogLevel: slog.LevelWarn}, noEnv, nil)
	log := logs.all.With("component", "x") // as a part of the agent holds it
	log.Info("one")
	logs.level.Set(levelTrace)
	log.Info("two")
	log.Log(t.Context(), levelTrace, "three")
	logs.level.Set(levelOff)
	log.Error("four")
	require.NoError(t, logs.close())
	for _, text := range []string{out.String(), content(t, dir, names(t, dir)[0])} {
		require.Equal(t, 2, strings.Count(text, "\n"))
		require.Contains(t, text, "msg=two")
		require.Contains(t, text, "msg=three")
	}
}

func TestNoLogFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]agent.Config{
		"no path":      {LogKeepDays: 14},
		"keep nothing": {LogFile: filepath.Join(t.TempDir(), "logs", "x.log")},
	} {
		var out bytes.Buffer
		logs := openLogs(&out, c, noEnv, nil)
		logs.all.Info("hello")
		logs.file.Info("nowhere")
		require.NoError(t, logs.close())
		require.Equal(t, 1, strings.Count(out.String(), "\n"), name)
		if c.LogFile != "" {
			require.NoFileExists(t, filepath.Dir(c.LogFile), name)
		}
	}
}

func TestUnwritableLogFileIsSaidOnStandardOutput(t *testing.T) {
	t.Parallel()
	blocked := writeFile(t, "file", "")
	var out bytes.Buffer
	logs := openLogs(&out, agent.Config{LogFile: filepath.Join(blocked, "x.log"), LogKeepDays: 2}, noEnv, nil)
	logs.all.Info("one")
	logs.all.Info("two")
	require.NoError(t, logs.close())
	require.Equal(t, 3, strings.Count(out.String(), "\n"))
	require.Equal(t, 1, strings.Count(out.String(), "level=WARN msg=\"log file: "))
}

func TestTraceHasItsName(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(lineHandler(&out, levelTrace))
	log.Log(t.Context(), levelTrace, "deep", "level", slog.LevelInfo)
	require.Contains(t, out.String(), "level=TRACE msg=deep level=INFO")
}

func TestFilesAreNotTerminals(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	slog.New(consoleForm(file, noEnv)(file, slog.LevelInfo)).Info("plain")
	require.NoError(t, file.Close())
	require.Contains(t, content(t, file.Name()), "level=INFO msg=plain")
}
