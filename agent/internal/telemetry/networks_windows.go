package telemetry

import (
	"context"
	"fmt"
	"net"
	"unsafe"

	"github.com/shirou/gopsutil/v4/cpu"
	"golang.org/x/sys/windows"
)

// irqTime is 0: kernel time has it already.
func irqTime(cpu.TimesStat) float64 { return 0 }

// GetIfEntry2 is there from Windows Vista on; the variant that the system library
// wraps only from Windows 10 1703 on.
var getIfEntry2 = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetIfEntry2")

// hardwareInterface is the lowest bit of InterfaceAndOperStatusFlags.
const hardwareInterface = 1

// networks is the traffic of the physical interfaces; where there is none, that of
// all but the loopback. An interface that goes away meanwhile is left out.
func networks(ctx context.Context) (map[string]Bytes, error) {
	if err := getIfEntry2.Find(); err != nil {
		return nil, fmt.Errorf("find GetIfEntry2: %w", err)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	hardware, other := make(map[string]Bytes), make(map[string]Bytes)
	for _, i := range interfaces {
		row := windows.MibIfRow2{InterfaceIndex: uint32(i.Index)}
		if code, _, _ := getIfEntry2.Call(uintptr(unsafe.Pointer(&row))); code != 0 || ctx.Err() != nil {
			continue
		}
		traffic := Bytes{In: row.InOctets, Out: row.OutOctets}
		switch {
		case row.InterfaceAndOperStatusFlags&hardwareInterface != 0:
			hardware[i.Name] = traffic
		case i.Flags&net.FlagLoopback == 0:
			other[i.Name] = traffic
		}
	}
	if len(hardware) > 0 {
		return hardware, ctx.Err()
	}
	return other, ctx.Err()
}
