package hostfacts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

const (
	memoryFormat = 1
	// maxMemory bounds the file that is read: each section takes about 150 bytes.
	maxMemory = 1 << 20
)

// memory is what was published last.
type memory struct {
	Format int       `json:"format"`
	PCID   string    `json:"pc_id"`
	FullAt time.Time `json:"full_at,omitzero"`
	// BootedAt is that of the host at the last full set.
	BootedAt time.Time `json:"booted_at,omitzero"`
	// Limit is how large messages could be.
	Limit  int               `json:"limit,omitzero"`
	Hashes map[string]string `json:"hashes"` // by section
}

func newMemory(pcID string) memory {
	return memory{Format: memoryFormat, PCID: pcID, Hashes: make(map[string]string)}
}

// loadMemory returns an empty memory without an error if there is no file. Beside
// an error it is empty too: then everything is published once more.
func loadMemory(fsys atomicfile.FS, file, pcID string) (memory, error) {
	data, err := readMemory(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return newMemory(pcID), nil
	}
	var m memory
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err == nil && m.Format != memoryFormat {
		err = fmt.Errorf("format %d is not %d", m.Format, memoryFormat)
	}
	if err != nil {
		return newMemory(pcID), fmt.Errorf("hostfacts: read %s: %w", file, err)
	}
	if m.PCID != pcID || m.Hashes == nil {
		return newMemory(pcID), nil // of the host that had the folder before
	}
	return m, nil
}

func readMemory(fsys atomicfile.FS, file string) (data []byte, err error) {
	f, err := fsys.OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, maxMemory+1))
	if len(data) > maxMemory {
		return nil, fmt.Errorf("it has more than %d bytes", maxMemory)
	}
	return data, err
}

func (m memory) save(fsys atomicfile.FS, file string) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("hostfacts: write %s: %w", file, err)
	}
	return atomicfile.WriteFile(fsys, file, data, 0o600)
}
