package inventory

import (
	"context"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (t tree) hardware(_ context.Context, n *notes) (any, error) {
	memory := t.memory(n)
	return &facts.Hardware{
		Vendor:   t.dmi("sys_vendor"),
		Model:    first(t.dmi("product_name"), clean(t.text("/proc/device-tree/model"))),
		SKU:      t.dmi("product_sku"),
		Serial:   first(t.dmi("product_serial"), clean(t.text("/proc/device-tree/serial-number"))),
		UUID:     strings.ToLower(t.dmi("product_uuid")),
		AssetTag: t.dmi("chassis_asset_tag"),
		Chassis:  t.chassis(),
		Board:    facts.Board{Vendor: t.dmi("board_vendor"), Model: t.dmi("board_name"), Serial: t.dmi("board_serial")},
		BIOS:     t.bios(),
		TPM:      t.tpm(),
		CPUs:     t.cpus(n),

		RAMBytes: memory["MemTotal"], SwapBytes: memory["SwapTotal"],
		MemoryModules: t.memoryModules(n),
		GPUs:          t.gpus(n),
		Batteries:     t.batteries(),
		Monitors:      t.monitors(),
	}, nil
}

// dmi is one value of the firmware's tables. Serial numbers and the UUID can only
// be read by root.
func (t tree) dmi(name string) string {
	return meant(t.text("/sys/class/dmi/id/" + name))
}

func (t tree) chassis() string {
	if t.virtual() != "" {
		return "virtual"
	}
	return chassisTypes[t.number("/sys/class/dmi/id/chassis_type")]
}

// secureBootVar is the variable of the UEFI specification; its fifth byte counts.
const secureBootVar = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

func (t tree) bios() facts.BIOS {
	b := facts.BIOS{Vendor: t.dmi("bios_vendor"), Version: t.dmi("bios_version"), Date: isoDate(t.dmi("bios_date"))}
	if b.Vendor == "" && !t.exists("/sys/firmware/efi") {
		return b
	}
	uefi := t.exists("/sys/firmware/efi")
	b.UEFI = &uefi
	if value, err := t.bytes(secureBootVar); err == nil && len(value) > 4 {
		on := value[4] == 1
		b.SecureBoot = &on
	}
	return b
}

func (t tree) tpm() *facts.TPM {
	if !t.exists("/sys/class/tpm/tpm0") {
		return nil
	}
	yes, version := true, "1.2"
	if t.text("/sys/class/tpm/tpm0/tpm_version_major") == "2" {
		version = "2.0"
	}
	return &facts.TPM{Version: version, Enabled: &yes}
}

// memory has the sizes of /proc/meminfo in bytes.
func (t tree) memory(n *notes) map[string]uint64 {
	sizes := make(map[string]uint64)
	t.lines("/proc/meminfo", n, func(line string) {
		name, value, _ := strings.Cut(line, ":")
		if kib, ok := strings.CutSuffix(strings.TrimSpace(value), " kB"); ok {
			sizes[name] = times(parse(kib), 1<<10)
		}
	})
	return sizes
}
