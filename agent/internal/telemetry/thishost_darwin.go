package telemetry

import (
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
)

func irqTime(cpu.TimesStat) float64 { return 0 }

// physical reports whether hardware is behind an interface.
func physical(network string) bool { return strings.HasPrefix(network, "en") }
