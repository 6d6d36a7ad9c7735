package inventory

import (
	"context"

	"github.com/kanade-go/kanade/inventory/facts"
)

type win32Battery struct {
	Name                                    string
	EstimatedChargeRemaining, BatteryStatus uint16
}

type batteryStaticData struct {
	InstanceName, DeviceName, ManufactureName string
	DesignedCapacity                          uint32
}

type batteryFullChargedCapacity struct {
	InstanceName        string
	FullChargedCapacity uint32
}

type batteryCycleCount struct {
	InstanceName string
	CycleCount   uint32
}

// batteries: Win32_Battery has the charge and rarely the capacities; the driver
// has them in classes of its own, in the same order.
func (h host) batteries(ctx context.Context, n *notes) []facts.Battery {
	rows := askNoting[win32Battery](ctx, h.wmi, n, wmiNamespace, "Win32_Battery")
	if len(rows) == 0 {
		return nil // most machines have none, and every query takes its time
	}
	const driver = `root\wmi`
	data := askNoting[batteryStaticData](ctx, h.wmi, n, driver, "BatteryStaticData")
	full := askNoting[batteryFullChargedCapacity](ctx, h.wmi, n, driver, "BatteryFullChargedCapacity")
	cycles := askNoting[batteryCycleCount](ctx, h.wmi, n, driver, "BatteryCycleCount")
	var found []facts.Battery
	for i, row := range rows {
		b := facts.Battery{Name: clean(row.Name), Charge: int(min(row.EstimatedChargeRemaining, 100)), Charging: charging(row.BatteryStatus)}
		if len(data) == len(rows) {
			b.Name = first(clean(data[i].ManufactureName+" "+data[i].DeviceName), b.Name)
			b.Design = int(data[i].DesignedCapacity)
			b.Full, b.Cycles = driverCounts(data[i].InstanceName, full, cycles)
		}
		found = append(found, b)
	}
	return found
}

func driverCounts(instance string, full []batteryFullChargedCapacity, cycles []batteryCycleCount) (capacity, count int) {
	for _, row := range full {
		if row.InstanceName == instance {
			capacity = int(row.FullChargedCapacity)
		}
	}
	for _, row := range cycles {
		if row.InstanceName == instance {
			count = int(row.CycleCount)
		}
	}
	return capacity, count
}

// charging: 6 to 9 are those that say so; 2 means only that there is a plug.
func charging(status uint16) *bool {
	yes := status >= 6 && status <= 9
	if status == 0 || status == 2 {
		return nil
	}
	return &yes
}
