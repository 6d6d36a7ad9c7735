package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent/internal/hostfacts"
	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/inventory/facts"
	"github.com/kanade-go/kanade/outbox"
)

// InventoryCollector finds out what a host is. The collectors of package inventory
// fit; the agent itself links none of them. What could be found out is returned
// beside an error too. One that hangs or panics costs nothing but its facts.
type InventoryCollector interface {
	Collect(ctx context.Context) (facts.Host, error)
}

// InventoryShell is the shell of the commands that answer with the inventory of
// their host: their script has the names of sections with blanks between them, or
// nothing for all, and their stdout is a facts.Host as one JSON object.
const InventoryShell = "inventory"

// WithInventory publishes what c finds out of this host: on
// inventory.<pc_id>.<section> of the stream INVENTORY, each section when it has
// changed, and all of them after a boot of the host and once a day. The settings
// inventory_enabled, inventory_interval, inventory_jitter and inventory_sections
// say how. A section of more than 32 MiB of JSON, or with a name that is taken or no
// token of a subject, is left out; the section problems says so. It takes the commands of [InventoryShell] too, unless [WithHandler] has
// that name. Without this option nothing is collected, published or answered; of
// two the last one counts.
//
// A collector that can hang, as those of WMI can, belongs into a process of its own:
// inventory.NewIsolated.
func WithInventory(c InventoryCollector) Option {
	return func(o *options) error {
		o.inventory = hostfacts.NewSource(c)
		return given("inventory collector", c != nil)
	}
}

// answerInventory takes the commands of InventoryShell, unless the program has a
// handler of that name.
func (o *options) answerInventory() {
	if _, taken := o.handlers[InventoryShell]; !taken && o.inventory != nil {
		o.handlers[InventoryShell] = handlerEntry{handler: inventoryHandler{o.inventory}, recovery: RunAgain}
	}
}

const (
	// inventoryFolder holds sections until the stream has them; inventoryFile says
	// which were the last.
	inventoryFolder = "inventory-outbox"
	inventoryFile   = "inventory.json"
	// inventoryBytes is more than two sets that are as large as a collector's child
	// may make them.
	inventoryBytes   = 128 << 20
	inventoryRecords = 10_000
)

// openInventoryBox opens the box if there is something to put into it.
func (a *Agent) openInventoryBox(p *parts) (err error) {
	if a.opts.inventory == nil {
		return nil
	}
	p.boxes.inventory, err = a.openBox(p, inventoryFolder, payloadCodec(hostfacts.Record),
		outbox.WithLimit(inventoryRecords, inventoryBytes), outbox.WithFreeDisk(p.floor), outbox.WithOverflow(outbox.OverflowDropOldest))
	return err
}

func (a *Agent) composeInventory(p *parts) {
	if a.opts.inventory == nil {
		return
	}
	p.inventory = hostfacts.New(hostfacts.Config{
		PCID: a.cfg.ID, Source: a.opts.inventory, Box: p.boxes.inventory, Transport: p.transport, Settings: p.currentSettings,
		File: p.dir.Path(inventoryFile), FS: a.opts.fs, Board: p.report.board, Now: a.opts.now, Logger: a.log.With("component", "inventory"),
	})
}

func (a *Agent) inventoryTasks(p *parts) []supervise.Task {
	if p.inventory == nil {
		return nil
	}
	return []supervise.Task{{Name: "inventory", Run: p.inventory.Run}, drain("inventory messages", p.boxes.inventory, p.js)}
}

// InventoryStatus is what became of the inventory of the host.
type InventoryStatus struct {
	// CollectedAt is of the last collection, FullAt of the last full set that was to
	// be published; zero: there was none.
	CollectedAt time.Time `json:"collected_at,omitzero"`
	FullAt      time.Time `json:"full_at,omitzero"`
	// Problems is how much the last collection could not find out.
	Problems int `json:"problems,omitempty"`
	// Box holds what is to be published.
	Box outbox.Stats `json:"box"`
}

func (p *parts) inventoryStatus() InventoryStatus {
	if p.inventory == nil {
		return InventoryStatus{}
	}
	s := p.inventory.Status()
	return InventoryStatus{CollectedAt: utc(s.CollectedAt), FullAt: utc(s.FullAt), Problems: s.Problems, Box: p.boxes.inventory.Stats()}
}

// inventoryHandler answers commands of InventoryShell.
type inventoryHandler struct{ source *hostfacts.Source }

func (h inventoryHandler) Handle(ctx context.Context, j Job) error {
	host, err := h.source.Collect(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !hostfacts.Found(host) {
		return err
	}
	host, err = hostfacts.Select(host, strings.Fields(j.Command.Script))
	if err != nil {
		return &ExitError{Code: 2, Err: err}
	}
	data, err := json.Marshal(host)
	if err != nil {
		return fmt.Errorf("agent: write inventory: %w", err)
	}
	if len(data) >= maxOutput {
		return errors.New("the inventory is larger than the output of a command may be; name some of its sections in the script")
	}
	_, err = j.Stdout.Write(append(data, '\n'))
	return err
}
