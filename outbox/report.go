package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// report tells of a delivery: to the log thinly (the first failure of a row,
// then each record's every tenth, then the recovery), to Flush in sum.
type report struct {
	log *slog.Logger

	mu    sync.Mutex
	row   int // failures since the last success
	sent  int
	bad   int
	first error
}

func (p *report) delivered() {
	p.mu.Lock()
	row := p.row
	p.row = 0
	p.sent++
	p.mu.Unlock()
	if row > 1 {
		p.log.Info("records are delivered again", "failures", row)
	}
}

func (p *report) failed(e *entry, err error, wait time.Duration) {
	row := p.note(e, err)
	level := slog.LevelDebug
	if row == 1 && e.tries == 1 || e.tries%10 == 0 {
		level = slog.LevelWarn
	}
	p.log.Log(context.Background(), level, "record not delivered, trying again",
		"file", e.file, "attempt", e.tries, "wait", wait, "error", err)
}

func (p *report) note(e *entry, err error) (row int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.row++
	p.bad++
	if p.first == nil {
		p.first = fmt.Errorf("%s: %w", e.file, err)
	}
	return p.row
}

func (p *report) total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// summary is nil when everything was delivered.
func (p *report) summary() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bad == 0 {
		return nil
	}
	return fmt.Errorf("%d records not delivered, first %w", p.bad, p.first)
}
