package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/kanade-go/kanade/agent/internal/statedir"
)

// StatusFile is the file in the state folder that a running agent keeps its
// [Status] in, as a JSON object with the key format besides. It is replaced as a
// whole two seconds after a change at the latest, as a rule, and once a minute
// without one.
const StatusFile = "status.json"

// StatusStaleAfter is how old the status of a working agent never is, unless the
// host slept: it writes at least once a minute.
const StatusStaleAfter = 3 * time.Minute

var (
	// ErrNotRunning says that no agent has the state folder.
	ErrNotRunning = errors.New("agent: not running")
	// ErrStatusStale says that an agent has the state folder, but has not said how
	// it is for longer than [StatusStaleAfter]: it hangs, or cannot write.
	ErrStatusStale = errors.New("agent: status is out of date")
	// ErrStatusUnreadable says that the status file is not one: damaged, too large,
	// or of a newer release.
	ErrStatusUnreadable = errors.New("agent: status cannot be read")
)

const (
	statusFormat = 1
	// maxStatusFile is far above what an agent writes: 64 resources, 100 runs and a
	// hundred scopes with names of the largest size are about 300 KiB.
	maxStatusFile = 1 << 20
)

// statusFile is the content of the file.
type statusFile struct {
	Format int `json:"format"`
	Status
}

// ReadStatus returns the status of the agent that has a state folder, from
// outside of its process and without a broker. It needs the right to read the
// folder, and changes nothing.
//
// Errors: [ErrNotRunning], with the last status if the agent ended without a
// stop (it was killed, or the host went down); [ErrStatusStale], with that
// status; [ErrStatusUnreadable]; [io/fs.ErrNotExist] if the agent has not written
// its status yet, and [io/fs.ErrPermission].
func ReadStatus(stateDir string) (Status, error) {
	return readStatus(stateDir, time.Now)
}

func readStatus(stateDir string, now func() time.Time) (Status, error) {
	held, err := statedir.Held(stateDir)
	if err != nil {
		return Status{}, fmt.Errorf("agent: read status: %w", err)
	}
	path := filepath.Join(stateDir, StatusFile)
	s, err := readStatusFile(path)
	switch {
	case !held && err != nil:
		return Status{}, fmt.Errorf("%w: nobody has the state folder %s", ErrNotRunning, stateDir)
	case !held:
		s.Running = false
		return s, fmt.Errorf("%w: it ended without a stop; its last status is of %s", ErrNotRunning, s.At.Format(time.RFC3339))
	case errors.Is(err, fs.ErrNotExist):
		return Status{}, fmt.Errorf("agent: read status: no %s: the agent starts or stops just now, or is of a release that has none: %w", path, fs.ErrNotExist)
	case err != nil:
		return Status{}, err
	}
	if age := now().Sub(s.At); age.Abs() > StatusStaleAfter {
		return s, fmt.Errorf("%w: %s is of %s; the agent (pid %d) hangs, or cannot write there", ErrStatusStale, path, s.At.Format(time.RFC3339), s.PID)
	}
	return s, nil
}

func readStatusFile(path string) (Status, error) {
	raw, err := readShared(path, maxStatusFile+1)
	if err != nil {
		return Status{}, fmt.Errorf("agent: read status: %w", err)
	}
	s, err := decodeStatus(raw)
	if err != nil {
		return Status{}, fmt.Errorf("%w: %s: %w", ErrStatusUnreadable, path, err)
	}
	return s, nil
}

func decodeStatus(raw []byte) (Status, error) {
	if len(raw) > maxStatusFile {
		return Status{}, fmt.Errorf("larger than %d bytes", maxStatusFile)
	}
	var found statusFile
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&found); err != nil {
		return Status{}, fmt.Errorf("damaged, the agent replaces it within a minute: %w", err)
	}
	switch _, err := decoder.Token(); {
	case found.Format > statusFormat:
		return Status{}, fmt.Errorf("format %d is of a newer release; this one reads %d", found.Format, statusFormat)
	case found.Format < 1 || found.ID == "" || found.At.IsZero() || !errors.Is(err, io.EOF):
		return Status{}, errors.New("damaged, the agent replaces it within a minute: not a status")
	}
	return found.Status, nil
}
