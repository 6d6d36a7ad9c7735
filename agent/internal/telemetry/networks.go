//go:build !windows

package telemetry

import (
	"context"
	stdnet "net"

	"github.com/shirou/gopsutil/v4/net"
)

// networks is the traffic of the physical interfaces; in a container, where there
// is none, that of all but the loopback.
func networks(ctx context.Context) (map[string]Bytes, error) {
	all, err := net.IOCountersWithContext(ctx, true)
	if err != nil {
		return nil, err
	}
	hardware, other := make(map[string]Bytes), make(map[string]Bytes)
	for _, c := range all {
		into := other
		if physical(c.Name) {
			into = hardware
		}
		into[c.Name] = Bytes{In: c.BytesRecv, Out: c.BytesSent}
	}
	if len(hardware) > 0 {
		return hardware, nil
	}
	return withoutLoopback(other)
}

func withoutLoopback(traffic map[string]Bytes) (map[string]Bytes, error) {
	interfaces, err := stdnet.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		if i.Flags&stdnet.FlagLoopback != 0 {
			delete(traffic, i.Name)
		}
	}
	return traffic, nil
}
