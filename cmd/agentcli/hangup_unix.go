//go:build unix

package agentcli

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// hangups delivers SIGHUP, by which an administrator asks to read the
// configuration again. At a terminal, or under nohup, the signal keeps the
// meaning that it has there.
func (t tree) hangups() (<-chan os.Signal, func()) {
	if term.IsTerminal(int(os.Stdin.Fd())) || signal.Ignored(syscall.SIGHUP) {
		return nil, func() {}
	}
	signals := make(chan os.Signal, 1)
	return signals, t.brand.Notify(signals, syscall.SIGHUP)
}
