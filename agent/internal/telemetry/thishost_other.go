//go:build !linux

package telemetry

import (
	"context"

	"github.com/shirou/gopsutil/v4/mem"
)

func swap(ctx context.Context) (Memory, error) {
	s, err := mem.SwapMemoryWithContext(ctx)
	if err != nil {
		return Memory{}, err
	}
	return Memory{Used: min(s.Used, s.Total), Total: s.Total}, nil
}

// diskNames returns nil: all count.
func diskNames() ([]string, error) { return nil, nil }
