package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/agent/wire"
)

const (
	// emitAtOnce is how many lines are stored at a time: together they share the
	// syncs of the folder. On a busy disk that is 1,600 lines a second in place of
	// 110 (BenchmarkEmit).
	emitAtOnce = 32
	// emitWarnings is how many lines of one output are named in the log.
	emitWarnings = 10
	// usualPayload is a server's default for its largest message, and what is
	// assumed while nobody knows better.
	usualPayload = 1 << 20
	// headRoom is what the headers of an event take.
	headRoom = 256
)

var errTooLarge = errors.New("larger than a message can be")

// Emit stores what a script reports: one observation a line of its standard
// output, in no particular order. True means that every line is stored;
// otherwise the output belongs into the result, where nothing of it is lost.
func (r *Recorder) Emit(ctx context.Context, c wire.Command, stdout string) (all bool) {
	var stores sync.WaitGroup
	free := make(chan struct{}, emitAtOnce)
	bad := badLines{r: r, command: c}
	read := 0
	for line := range strings.Lines(stdout) {
		read++
		number := read
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		free <- struct{}{}
		stores.Go(func() {
			defer func() { <-free }()
			bad.note(number, r.emit(ctx, c, number, line))
		})
	}
	stores.Wait()
	return bad.none()
}

// badLines are the lines of one output that were not stored.
type badLines struct {
	r       *Recorder
	command wire.Command

	mu sync.Mutex
	n  int
}

func (b *badLines) note(number int, err error) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n++; b.n <= emitWarnings {
		b.r.Logger.Warn("a reported event was not stored; the output stays in the result",
			"request_id", b.command.RequestID, "line", number, "error", err)
	}
}

func (b *badLines) none() bool {
	if b.n > emitWarnings {
		b.r.Logger.Warn("more reported events were not stored", "request_id", b.command.RequestID, "lines", b.n)
	}
	return b.n == 0
}

// emit stores one line. Its name follows from the run and the line, so that a
// repeat is the same record. A panic of the box is an error like any other: nobody else
// is there to catch it.
func (r *Recorder) emit(ctx context.Context, c wire.Command, number int, line string) (err error) {
	defer supervise.Recover(&err)
	e, err := wire.DecodeObsEvent([]byte(line))
	if err != nil {
		return err
	}
	e.PCID = r.PCID
	data, err := r.fitting(e)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s/%d", wire.ResultID(c.RequestID, r.PCID), number)
	return r.Observations.Put(ctx, ObservationRecord(uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String(), e, data))
}

// fitting encodes an event that the broker can take. In the box one that is larger
// would be stuck for good, while the result has an object store for its output.
func (r *Recorder) fitting(e wire.ObsEvent) ([]byte, error) {
	data, err := e.Encode()
	if err != nil {
		return nil, fmt.Errorf("events: encode: %w", err)
	}
	limit := int64(usualPayload)
	if r.MaxPayload != nil {
		limit = cmp.Or(max(r.MaxPayload(), 0), limit)
	}
	if int64(len(data)) > limit-headRoom {
		return nil, fmt.Errorf("events: an event of %d bytes is %w: %d", len(data), errTooLarge, limit)
	}
	return data, nil
}

// hex32 is a UUID as the contract's file names have it.
func hex32(id string) string { return strings.ReplaceAll(id, "-", "") }
