package telemetry

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/mem"
)

func irqTime(c cpu.TimesStat) float64 { return c.Irq + c.Softirq }

func swap(ctx context.Context) (Memory, error) {
	v, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return Memory{}, err
	}
	return Memory{Used: v.SwapTotal - min(v.SwapFree, v.SwapTotal), Total: v.SwapTotal}, nil
}

// diskNames are the block devices that stand on no other one: what goes through
// dm-crypt, LVM or RAID is counted once, below. Devices in memory or on files are
// none. Nil: the system does not say, all count.
func diskNames() ([]string, error) {
	const folder = "/sys/block"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("list block devices: %w", err)
	}
	names := []string{}
	for _, e := range entries {
		below, err := os.ReadDir(filepath.Join(folder, e.Name(), "slaves"))
		if (err != nil || len(below) == 0) && !virtualDisk(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func virtualDisk(name string) bool {
	for _, prefix := range []string{"loop", "ram", "zram", "sr", "fd"} {
		if number, ok := strings.CutPrefix(name, prefix); ok && strings.Trim(number, "0123456789") == "" {
			return true
		}
	}
	return false
}

// physical reports whether hardware is behind an interface; bridges, tunnels and
// the like count what a hardware one counts again.
func physical(network string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", network, "device"))
	return err == nil
}
