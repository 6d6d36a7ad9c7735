package hostfacts_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/internal/hostfacts"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/inventory/facts"
	"github.com/kanade-go/kanade/outbox"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry/jstest"
)

// lab is a collector that knows two things.
type lab struct{}

func (lab) Collect(context.Context) (facts.Host, error) {
	return facts.Host{
		OS:       &facts.OS{Name: "Debian"},
		Problems: []facts.Problem{{Section: facts.SectionHardware, Text: "permission denied"}},
	}, nil
}

// printer prints what an outbox would keep, and says when it has the last of it.
type printer struct{ last func() }

func (p printer) Put(_ context.Context, r outbox.Record) error {
	s, err := wire.DecodeInventorySection(r.Data)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %.60s\n", r.Subject, s.Data)
	if s.Section == wire.InventoryProblems {
		p.last()
	}
	return nil
}

func (printer) Stats() outbox.Stats { return outbox.Stats{} }

func Example() {
	dir, err := os.MkdirTemp("", "hostfacts")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temp folder
	settings := wire.DefaultConfig()
	settings.InventoryJitter = 0
	ctx, cancel := context.WithCancel(context.Background())
	s := hostfacts.New(hostfacts.Config{
		PCID: "PC-1", Source: hostfacts.NewSource(lab{}), Box: printer{last: cancel}, Transport: jstest.NewFake().Conn(),
		Settings: func() (wire.EffectiveConfig, <-chan struct{}) { return settings, nil },
		File:     filepath.Join(dir, "inventory.json"), FS: atomicfile.OS,
		Board: health.NewBoard(time.Now), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	fmt.Println(s.Run(ctx))
	// Output:
	// inventory.PC-1.os: {"family":"","name":"Debian","arch":"","utc_offset":0,"domai
	// inventory.PC-1.problems: {"problems":[{"section":"hardware","text":"permission denied
	// <nil>
}
