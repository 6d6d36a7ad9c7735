package events

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

// Box takes records; an outbox fits.
type Box interface {
	Put(ctx context.Context, r outbox.Record) error
}

// Recorder stores events.
type Recorder struct {
	PCID string
	// Starts holds the started events, Observations everything else.
	Starts, Observations Box
	// MaxPayload is how large a message the broker takes, 0 while that is not known;
	// nil: it never is.
	MaxPayload func() int64
	Now        func() time.Time
	Logger     *slog.Logger
}

// Source names the part of the agent that observed something.
const Source = "agent:admission"

// Started stores that a run has begun. Only a command of an execution has such
// an event.
func (r *Recorder) Started(ctx context.Context, c wire.Command, at time.Time) {
	if c.ExecID == "" {
		return
	}
	e := wire.EventStarted{
		ResultID: wire.ResultID(c.RequestID, r.PCID), RequestID: c.RequestID, ExecID: c.ExecID, PCID: r.PCID,
		StartedAt: at.UTC(), ManifestID: c.ID, Version: c.Version,
	}
	if err := r.Starts.Put(ctx, StartRecord(e, e.Encode())); err != nil {
		r.Logger.Warn("a started event was not stored", "request_id", c.RequestID, "error", err)
	}
}

// StartRecord is the outbox record of a started event with the given payload.
func StartRecord(e wire.EventStarted, payload []byte) outbox.Record {
	return outbox.Record{
		Name: e.ResultID, MsgID: e.ResultID + "/started", Subject: wire.StartedSubject(e.ExecID, e.PCID), Data: payload,
	}
}

// Observe stores something that the agent itself has noticed.
func (r *Recorder) Observe(ctx context.Context, kind string, payload map[string]string) {
	raw, err := json.Marshal(payload)
	if err == nil {
		err = r.observe(ctx, uuid.NewString(), wire.ObsEvent{
			PCID: r.PCID, At: r.Now().UTC(), Kind: kind, Source: Source, Payload: raw,
		})
	}
	if err != nil {
		r.Logger.Warn("an observation was not stored", "kind", kind, "error", err)
	}
}

func (r *Recorder) observe(ctx context.Context, id string, e wire.ObsEvent) error {
	data, err := e.Encode()
	if err != nil {
		return fmt.Errorf("events: encode: %w", err)
	}
	return r.Observations.Put(ctx, ObservationRecord(id, e, data))
}

// ObservationRecord is the outbox record of an observation with the given
// payload.
func ObservationRecord(id string, e wire.ObsEvent, payload []byte) outbox.Record {
	return outbox.Record{Name: hex32(id), MsgID: hex32(id), Subject: wire.ObsSubject(e.PCID), Data: payload}
}
