package klp_test

import (
	"context"
	"log"
	"log/slog"

	"github.com/kanade-go/kanade/agent/internal/klp"
)

// host is an agent without a broker.
type host struct{}

func (host) Online() (bool, <-chan struct{})   { return false, nil }
func (host) Target() (string, <-chan struct{}) { return "", nil }
func (host) Disk() (free, total uint64, err error) {
	return 10 << 30, 100 << 30, nil
}

func (host) Tail(uint32, int64) ([]string, error) { return nil, nil }

func Example() {
	server := klp.New(klp.Config{
		Endpoint: klp.Endpoint{Path: klp.DefaultPath}, PCID: "PC-1", Version: "1.2.3", Host: host{}, Log: host{}, Logger: slog.Default(),
	})
	log.Print(server.Run(context.Background()))
}
