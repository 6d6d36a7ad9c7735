package jstest

import (
	"os"
	"path/filepath"
	"time"
)

// LoseConsumer removes the folder of a consumer behind the back of the running server, which does so itself to a consumer
// that is made while one of the same name is being deleted. The server keeps the consumer in memory, delivers from it,
// refuses to update it, and has forgotten it after a restart. A consumer of a cluster has a folder on each of its nodes.
func (b *Broker) LoseConsumer(stream, name string) {
	b.t.Helper()
	folders, err := filepath.Glob(filepath.Join(b.path("store"), "jetstream", "*", "streams", stream, "obs", name))
	if err != nil || len(folders) != 1 {
		b.t.Fatalf("jstest: lose consumer %s/%s: one folder expected, found %q, error %v", stream, name, folders, err)
	}
	// The server may write its file of the consumer's state while the folder is being emptied.
	for end := time.Now().Add(stopTimeout); ; time.Sleep(readyPoll) {
		if err = os.RemoveAll(folders[0]); err == nil {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("jstest: lose consumer %s/%s: %v", stream, name, err)
		}
	}
}
