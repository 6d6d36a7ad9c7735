package inventory

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// twoSockets has two processors of two cores with two threads each.
func twoSockets() string {
	var b strings.Builder
	for i := range 8 {
		fmt.Fprintf(&b, "processor\t: %d\nvendor_id\t: GenuineIntel\nmodel name\t: Example Xeon\nphysical id\t: %d\ncore id\t\t: %d\nflags\t\t: fpu vmx\n\n", i, i/4, i/2%2)
	}
	return b.String()
}

func TestHardware(t *testing.T) {
	yes := true
	host := hostOf(t, map[string]string{
		"/sys/class/dmi/id/sys_vendor":                          "LENOVO\n",
		"/sys/class/dmi/id/product_name":                        "21AB\n",
		"/sys/class/dmi/id/product_serial":                      "To Be Filled By O.E.M.\n",
		"/sys/class/dmi/id/product_uuid":                        "AABB\n",
		"/sys/class/dmi/id/chassis_type":                        "10\n",
		"/sys/class/dmi/id/bios_vendor":                         "LENOVO\n",
		"/sys/class/dmi/id/bios_date":                           "03/18/2024\n",
		secureBootVar:                                           "\x06\x00\x00\x00\x01",
		"/sys/class/tpm/tpm0/tpm_version_major":                 "2\n",
		"/proc/cpuinfo":                                         twoSockets(),
		"/proc/meminfo":                                         "MemTotal:       16384 kB\nMemFree: 1 kB\nSwapTotal: 1024 kB\n",
		"/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3500000\n",
		"/sys/devices/system/cpu/cpu0/cache/index0/level":       "1\n",
		"/sys/devices/system/cpu/cpu0/cache/index0/size":        "32K\n",
		"/sys/devices/system/cpu/cpu0/cache/index3/level":       "3\n",
		"/sys/devices/system/cpu/cpu0/cache/index3/size":        "32M\n",
		"/sys/class/power_supply/BAT0/type":                     "Battery\n",
		"/sys/class/power_supply/BAT0/energy_full":              "40000000\n",
		"/sys/class/power_supply/BAT0/charge_full_design":       "5000000\n",
		"/sys/class/power_supply/BAT0/voltage_min_design":       "10000000\n",
		"/sys/class/power_supply/BAT0/capacity":                 "80\n",
		"/sys/class/power_supply/BAT0/status":                   "Charging\n",
		"/sys/class/power_supply/hidpp_battery_0/type":          "Battery\n",
		"/sys/class/power_supply/hidpp_battery_0/scope":         "Device\n",
		"/sys/bus/pci/devices/0000:00:02.0/vendor":              "0x8086\n",
		"/sys/bus/pci/devices/0000:00:02.0/device":              "0x46a6\n",
		"/sys/bus/pci/devices/0000:00:02.0/class":               "0x030000\n",
		"/sys/bus/pci/devices/0000:00:1f.0/vendor":              "0x8086\n",
		"/sys/bus/pci/devices/0000:00:1f.0/class":               "0x060100\n",
		"/sys/class/drm/card0-eDP-1/edid":                       string(edidOf("EXAMPLE 4K")),
		"/usr/share/misc/pci.ids":                               "8085  Other\n\t46a6  Wrong\n8086  Intel Corporation\n\t46a5  No\n\t46a6  Iris Xe\n8087  Next\n\t46a6  Wrong\n",
		"/sys/firmware/dmi/tables/DMI":                          string(dmiTable()),
	})
	h := collect[*facts.Hardware](t, host.hardware)
	require.Equal(t, "LENOVO 21AB laptop ||aabb", h.Vendor+" "+h.Model+" "+h.Chassis+" |"+h.Serial+"|"+h.UUID)
	require.Equal(t, facts.BIOS{Vendor: "LENOVO", Date: "2024-03-18", UEFI: &yes, SecureBoot: &yes}, h.BIOS)
	require.Equal(t, &facts.TPM{Version: "2.0", Enabled: &yes}, h.TPM)
	socket := facts.CPU{Model: "Example Xeon", Vendor: "GenuineIntel", Cores: 2, Threads: 4, Virtual: &yes}
	first := socket
	first.MHz, first.Cache = 3500, 32<<20
	require.Equal(t, []facts.CPU{first, socket}, h.CPUs)
	require.EqualValues(t, 16<<20, h.RAMBytes)
	require.EqualValues(t, 1<<20, h.SwapBytes)
	require.Equal(t, []facts.Battery{{Design: 50000, Full: 40000, Charge: 80, Charging: &yes}}, h.Batteries)
	require.Equal(t, []facts.GPU{{Name: "Iris Xe", Vendor: "Intel Corporation"}}, h.GPUs)
	require.Equal(t, []facts.Monitor{{Name: "EXAMPLE 4K", Vendor: "DEL", Serial: "77", Width: 3840, Height: 2160}}, h.Monitors)
	require.Equal(t, []facts.MemoryModule{{Slot: "DIMM 0", Bytes: 16 << 30, Type: "DDR5", MTps: 4800, Vendor: "Example", Part: "EX-1"}}, h.MemoryModules)
}

// ARM kernels name parts, not models.
func TestARM(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/proc/cpuinfo":           "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\nprocessor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n",
		"/proc/device-tree/model": "Example Board\x00",
	})
	h := collect[*facts.Hardware](t, host.hardware)
	require.Equal(t, []facts.CPU{{Model: "ARM Neoverse-N1", Cores: 2, Threads: 2}}, h.CPUs)
	require.Equal(t, "Example Board", h.Model)
}

// edidOf describes a monitor of 3840 x 2160 points.
func edidOf(name string) []byte {
	e := make([]byte, 128)
	copy(e, []byte{0, 255, 255, 255, 255, 255, 255, 0, 0x10, 0xac, 1, 0, 77, 0, 0, 0})
	copy(e[54:], []byte{0x4d, 0xd0, 0x00, 0x00, 0xf0, 0x70, 0x00, 0x80})
	copy(e[72:], append([]byte{0, 0, 0, edidName, 0}, name+"\n"...))
	return e
}

// dmiTable has one slot with a module of 16 GiB, an empty one, and the end.
func dmiTable() []byte {
	module := make([]byte, 0x5c)
	module[0], module[1] = memoryDevice, byte(len(module))
	module[0x0c], module[0x0d] = 0x00, 0x40 // 16384 MiB
	module[0x10], module[0x17], module[0x1a] = 1, 2, 3
	module[0x12] = 0x22
	module[0x15], module[0x16] = 0xc0, 0x12
	table := append(module, "DIMM 0\x00Example\x00EX-1\x00\x00"...)
	empty := make([]byte, 0x5c)
	empty[0], empty[1] = memoryDevice, byte(len(empty))
	table = append(append(table, empty...), 0, 0)
	return append(table, endOfTable, 4, 0, 0, 0, 0)
}

func TestADamagedTableOfTheFirmware(t *testing.T) {
	table := dmiTable()
	for i := range table[:len(table)-6] {
		found, err := modules(table[:i])
		if i > 3 && len(found) == 0 {
			require.Error(t, err, "cut to %d bytes", i)
		}
	}
}

func FuzzFirmware(f *testing.F) {
	f.Add(dmiTable())
	f.Add(edidOf("x"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = modules(data)
		_, _ = edid(data)
	})
}
