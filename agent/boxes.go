package agent

import (
	"path/filepath"

	"github.com/kanade-go/kanade/agent/internal/hostfacts"
	"github.com/kanade-go/kanade/outbox"
)

// Box is one of the outboxes of a state folder, for tools that look into it from
// outside.
type Box struct {
	Name string // "results", "events", "obs" or "inventory"
	Dir  string // its folder, which need not exist yet

	codec payloadCodec
}

// Boxes returns the outboxes that an agent keeps in a state folder, the most
// important first. It does not touch the disk.
func Boxes(stateDir string) []Box {
	return []Box{
		{Name: "results", Dir: filepath.Join(stateDir, resultsFolder), codec: resultRecord},
		{Name: "events", Dir: filepath.Join(stateDir, startsFolder), codec: startRecord},
		{Name: "obs", Dir: filepath.Join(stateDir, observationsFolder), codec: observationRecord},
		{Name: "inventory", Dir: filepath.Join(stateDir, inventoryFolder), codec: hostfacts.Record},
	}
}

// Inspect looks into the box, beside a running agent or without one. A box
// whose folder is not there yet is an [io/fs.ErrNotExist].
func (b Box) Inspect() (*outbox.Reader, error) {
	return outbox.Inspect(b.Dir, outbox.WithCodec(b.codec))
}
