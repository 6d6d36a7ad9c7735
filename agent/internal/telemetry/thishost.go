package telemetry

import (
	"context"
	"errors"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
)

// thisHost is the host that the agent runs on.
type thisHost struct{}

// CPU sums over the cores, which are counted by the way. Where a system does not
// tell them apart, its total has to do.
func (thisHost) CPU(ctx context.Context) (CPUTime, error) {
	times, err := cpu.TimesWithContext(ctx, true)
	cores := len(times)
	if err != nil {
		if times, err = cpu.TimesWithContext(ctx, false); err != nil {
			return CPUTime{}, err
		}
		if cores, err = cpu.CountsWithContext(ctx, true); err != nil {
			return CPUTime{}, err
		}
	}
	if len(times) == 0 {
		return CPUTime{}, errors.New("the system names no CPU")
	}
	t := CPUTime{Cores: cores}
	for _, c := range times {
		// The time of guests is in that of their hosts, user and nice.
		busy := c.User + c.Nice + c.System + irqTime(c) + c.Steal
		t.Busy += busy
		t.Total += busy + c.Idle + c.Iowait
	}
	return t, nil
}

func (thisHost) Memory(ctx context.Context, of Store) (Memory, error) {
	if of == Swap {
		return swap(ctx)
	}
	v, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return Memory{}, err
	}
	return Memory{Used: v.Total - min(v.Available, v.Total), Total: v.Total}, nil
}

func (thisHost) Traffic(ctx context.Context, of Medium) (map[string]Bytes, error) {
	if of == Networks {
		return networks(ctx)
	}
	names, err := diskNames()
	if err != nil || names != nil && len(names) == 0 {
		return map[string]Bytes{}, err
	}
	all, err := disk.IOCountersWithContext(ctx, names...)
	if err != nil {
		return nil, err
	}
	traffic := make(map[string]Bytes, len(all))
	for name, c := range all {
		traffic[name] = Bytes{In: c.ReadBytes, Out: c.WriteBytes}
	}
	return traffic, nil
}
