// Package selfpipe hears signals at no cost while none comes.
//
// os/signal parks three threads for good as soon as anything is heard with it: half of what
// an agent at rest would have. On Linux (amd64, arm64) the kernel is given a handler that
// notes the signal and writes into a pipe, and the pipe is read like a connection. Everywhere
// else, and wherever that cannot be done, it is os/signal: for signals but SIGHUP, SIGINT,
// SIGTERM, SIGUSR1 and SIGUSR2, and when one is ignored, as under nohup. See agent/adr/0021-idle.md.
//
// It guarantees what os/signal does: a signal is offered to the channel, and a full channel
// is not waited for; several of a kind may become one, and none hides one of another kind; children
// start with the system's own handling; when it is stopped, a signal does what it did before.
//
// It does not guarantee that others hear the same signal: os/signal does not see what is heard
// here, and a second call for it panics. It is for a program that knows all that is in it, and
// not for a library.
//
//	signals := make(chan os.Signal, 2)
//	stop := selfpipe.Notify(signals, os.Interrupt, syscall.SIGTERM)
//	defer stop()
package selfpipe

import (
	"os"
	"os/signal"
)

func notifyByRuntime(c chan<- os.Signal, signals []os.Signal) (stop func()) {
	signal.Notify(c, signals...)
	return func() { signal.Stop(c) }
}
