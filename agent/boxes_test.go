package agent_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
)

// What waits for the broker in a state folder.
func ExampleBoxes() {
	stateDir := filepath.Join(os.TempDir(), "no-agent-ran-here")
	for _, box := range agent.Boxes(stateDir) {
		reader, err := box.Inspect()
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Println(box.Name, "is not there yet")
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		entries, err := reader.List()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(box.Name, len(entries))
	}
	// Output:
	// results is not there yet
	// events is not there yet
	// obs is not there yet
	// inventory is not there yet
}

// One file of each kind, as it lies in a folder of the contract.
func TestBoxesReadTheContractsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string]struct{ folder, name, text, subject, id string }{
		"results": {
			"outbox", "req-1", `{"result_id":"0b5e4d57-2f0a-4f4e-9a8b-7c8f3b1d2e90","request_id":"req-1","pc_id":"LAB-09","exit_code":0,` +
				`"stdout":"","stderr":"","started_at":"2031-03-04T05:00:01Z","finished_at":"2031-03-04T05:00:09Z"}`,
			"results.req-1", "0b5e4d57-2f0a-4f4e-9a8b-7c8f3b1d2e90",
		},
		"events": {
			"events-outbox", "r-1", `{"result_id":"r-1","request_id":"req-1","exec_id":"e-1","pc_id":"LAB-09","manifest_id":"m","version":"1",` +
				`"started_at":"2031-03-04T05:00:01Z"}`,
			"events.started.e-1.LAB-09", "r-1/started",
		},
		"obs": {
			"obs-outbox", "0b5e4d572f0a4f4e9a8b7c8f3b1d2e90", `{"pc_id":"LAB-09","at":"2031-03-04T05:00:01Z","kind":"k","source":"s","payload":{}}`,
			"obs.LAB-09", "0b5e4d572f0a4f4e9a8b7c8f3b1d2e90",
		},
		"inventory": {
			"inventory-outbox", "sw-1", `{"pc_id":"LAB-09","section":"sw","hash":"0f","collected_at":"2031-03-04T05:00:00Z","part":1,"parts":1,"data":{}}`,
			"inventory.LAB-09.sw", "b85ac25ed04ef6271dc2d09d7bd0498b",
		},
	}
	for _, box := range agent.Boxes(dir) {
		f, known := files[box.Name]
		require.True(t, known, box.Name)
		require.Equal(t, filepath.Join(dir, f.folder), box.Dir)
		_, err := box.Inspect()
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, os.Mkdir(box.Dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(box.Dir, f.name+".json"), []byte(f.text), 0o600))
		reader, err := box.Inspect()
		require.NoError(t, err)
		entries, err := reader.List()
		require.NoError(t, err)
		require.Len(t, entries, 1)
		detail, err := reader.Detail(entries[0])
		require.NoError(t, err)
		require.NoError(t, detail.Unreadable, box.Name)
		require.Equal(t, f.subject, detail.Record.Subject)
		require.Equal(t, f.id, detail.Record.MsgID)
		found, err := reader.Fsck(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, found)
	}
}
