package agentcli

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLevelSources(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", minimalFile) // says warn
	for name, tc := range map[string]struct {
		env   map[string]string
		flags []string
		want  slog.Level
	}{
		"file":                   {nil, nil, slog.LevelWarn},
		"RUST_LOG":               {map[string]string{"RUST_LOG": "debug"}, nil, slog.LevelDebug},
		"RUST_LOG for us":        {map[string]string{"RUST_LOG": "hyper=trace,kanade_agent=error"}, nil, slog.LevelError},
		"RUST_LOG for others":    {map[string]string{"RUST_LOG": "hyper=trace"}, nil, slog.LevelWarn},
		"RUST_LOG that is wrong": {map[string]string{"RUST_LOG": "loud"}, nil, slog.LevelWarn},
		"our variable over it":   {map[string]string{"RUST_LOG": "debug", "KANADE_LOG_LEVEL": "error"}, nil, slog.LevelError},
		"flag over all":          {map[string]string{"RUST_LOG": "debug", "KANADE_LOG_LEVEL": "error"}, []string{"log-level", "trace"}, levelTrace},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := load(flagged(append([]string{"config", path}, tc.flags...)...), testSurroundings(t, tc.env))
			require.NoError(t, err)
			require.Equal(t, tc.want, got.config.LogLevel)
			require.Empty(t, got.warnings)
		})
	}
}

func TestLevelInFileThatMeansNothing(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "agent.toml", "[agent]\nid='a'\nnats_url='nats://h'\n[log]\npath='/x/a.log'\nlevel='loud'\n")
	got, err := load(flagged("config", path), testSurroundings(t, nil))
	require.NoError(t, err)
	require.Equal(t, slog.LevelInfo, got.config.LogLevel)
	require.Len(t, got.warnings, 1)
}

func TestFilterLevel(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]any{
		"info": slog.LevelInfo, "WARN": slog.LevelWarn, " debug ": slog.LevelDebug, "off": levelOff,
		"info,kanade_agent=debug": slog.LevelDebug, "kanade_agent=debug,info": slog.LevelDebug,
		"info,hyper=trace": slog.LevelInfo, "info,loud,=,x=": slog.LevelInfo,
		"kanade_agent=error": slog.LevelError, "kanade_agent = error": slog.LevelError,
		"kanade_agent=loud,warn": slog.LevelWarn,
		"error,info":             slog.LevelInfo,
		"":                       nil, "loud": nil, "hyper=trace": nil, ",,": nil,
	} {
		level, ok := filterLevel(filter)
		require.Equal(t, want != nil, ok, filter)
		if ok {
			require.Equal(t, want, level, filter)
		}
	}
}
