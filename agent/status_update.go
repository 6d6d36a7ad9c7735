package agent

import (
	"fmt"

	"github.com/kanade-go/kanade/agent/internal/update"
)

// UpdateStatus is what is known of updates on a host.
type UpdateStatus = update.Status

// TriedRelease is a release that was tried and is not confirmed.
type TriedRelease = update.Tried

// UpdateOutcome is how an update came out.
type UpdateOutcome = update.Outcome

// ErrUpdateRecord says that the record of updates beside the executable cannot be
// used. No update is done until it can, or is removed.
var ErrUpdateRecord = update.ErrRecord

// ReadUpdates returns what is known of updates of an executable (empty: the one that
// runs) from the record beside it, whether or not an agent runs. An executable that
// was never updated has an empty record. Error: [ErrUpdateRecord].
func ReadUpdates(executable string) (UpdateStatus, error) {
	install, err := update.InstallOf(executable)
	if err != nil {
		return UpdateStatus{}, fmt.Errorf("agent: %w", err)
	}
	s, err := install.Status()
	if err != nil {
		return s, fmt.Errorf("agent: %w", err)
	}
	return s, nil
}

// updateStatus is nil for an agent that does not replace its executable.
func (p *parts) updateStatus() *UpdateStatus {
	if p.updates.service == nil {
		return nil
	}
	return new(p.updates.service.Status())
}

// quarantined are the versions that this host does not try again.
func (p *parts) quarantined(running string) []string {
	if p.updates.service == nil {
		return nil
	}
	return p.updates.service.Status().Quarantined(running)
}
