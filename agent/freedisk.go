package agent

import (
	"errors"

	"github.com/kanade-go/kanade/agent/internal/command"
	"github.com/kanade-go/kanade/outbox"
)

// Whoever fills the disk, what is worth most is stored last. Telemetry gives way
// at a floor of free space, so that it never takes the last of it; a little
// later no command is accepted or started any more; the result of one that has
// started may use all there is.
const (
	// maxDiskFloor is what telemetry leaves free on an ordinary disk; on one below
	// 1.25 GiB it is a share of it.
	maxDiskFloor   = 64 << 20
	diskFloorShare = 20 // 5 %
	// resultsRoomShare of the floor must be free for a command to be accepted or
	// started: 16 MiB is the largest result that there can be, unescaped.
	resultsRoomShare = 4
	// resultsInFlight is how many records of room there must be beside it. It is
	// more than what runs and what is being stored on a host with 24 CPUs.
	resultsInFlight = 64
)

// diskFloor is the free space that telemetry leaves on the disk of dir; 0 where
// its size is not known.
func diskFloor(dir string) (int64, error) {
	size, err := diskSize(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return 0, nil
	}
	return diskFloorOf(size), err
}

func diskFloorOf(size int64) int64 { return min(maxDiskFloor, size/diskFloorShare) }

// roomySink says when the box of results is about to be full, so that intake
// stops before a result is in want of room.
type roomySink struct {
	command.Sink
	box   *outbox.Outbox
	floor int64
}

// Room is about what is certain: a disk that does not tell its free space is no
// reason to stop.
func (s roomySink) Room() error {
	if err := s.box.Room(resultsInFlight, s.floor/resultsRoomShare); errors.Is(err, outbox.ErrFull) {
		return err
	}
	return nil
}
