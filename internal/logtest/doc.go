// Package logtest keeps what code under test has written, its log most of all. It is
// for tests only.
//
//	var log logtest.Buffer
//	run(slog.New(slog.NewTextHandler(&log, nil)))
//	require.Equal(t, 1, log.Count("left groups"))
package logtest
