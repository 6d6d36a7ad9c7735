//go:build unix && !linux && !darwin

package telemetry

import "github.com/shirou/gopsutil/v4/cpu"

func irqTime(c cpu.TimesStat) float64 { return c.Irq }

// physical cannot tell: all interfaces but the loopback count.
func physical(string) bool { return false }
