//go:build !linux || !(amd64 || arm64)

package selfpipe

import "os"

// Notify offers signals to c until stop is called, as os/signal does.
func Notify(c chan<- os.Signal, signals ...os.Signal) (stop func()) {
	return notifyByRuntime(c, signals)
}
