//go:build unix

package exec

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	nativeShell = Sh
	exeSuffix   = ""
)

// helperScript is text for the native shell that runs a helper as the shell's child.
func helperScript(args ...string) string { return helperCommand(args...) + "\nexit $?" }

func helperCommand(args ...string) string {
	words := append([]string{os.Args[0], "helper"}, args...)
	for i, w := range words {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// forkBomb is a script of 511 processes that all hold the pipes.
func forkBomb() string {
	return "bomb() {\n[ $1 -eq 0 ] && exec sleep 1000\nbomb $(($1-1)) &\nbomb $(($1-1)) &\nwait\n}\nbomb 8\n"
}

func requirePrivate(t *testing.T, got seen) {
	t.Helper()
	require.Equal(t, fs.ModeDir|0o700, got.DirMode)
	for _, file := range got.Files {
		require.Equal(t, fs.FileMode(0o600), file.Mode)
	}
}

func leaveGroup() { orDie(syscall.Setpgid(0, 0)) }

// sessionAttr is what a tree costs by itself: a session of its own.
func sessionAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// duplicate makes a program available under another name. A copy could be busy: another test may fork while it is written.
func duplicate(program, name string) error { return os.Symlink(program, name) }

// watchedProcess: the end of a process is the end of its connection.
type watchedProcess struct{}

func watchProcess(*testing.T, int) watchedProcess { return watchedProcess{} }

// requireGone waits for the end of the process.
func (p *peer) requireGone() {
	p.t.Helper()
	require.NoError(p.t, p.conn.SetReadDeadline(time.Now().Add(patience)))
	_, err := p.lines.ReadByte()
	require.Error(p.t, err, "the process still talks")
	require.NotErrorIs(p.t, err, os.ErrDeadlineExceeded, "the process lives")
}
