package inventory

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// report is what `system_profiler -json` gives: lists of objects by data type.
// Apple documents no schema: what is looked for is looked for wherever it is.
type report map[string][]item

// item is one object of it.
type item map[string]any

func profiler(data []byte) (report, error) {
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("system_profiler gave no report: %w", err)
	}
	return r, nil
}

// text is a text or number, as text.
func (i item) text(key string) string {
	switch v := i[key].(type) {
	case string:
		return meant(clean(v))
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// number is a number, or one in a text.
func (i item) number(key string) uint64 {
	switch v := i[key].(type) {
	case string:
		return parse(v)
	case float64:
		if v > 0 && v < 1<<63 {
			return uint64(v)
		}
	}
	return 0
}

func (i item) object(key string) item {
	v, _ := i[key].(map[string]any)
	return v
}

func (i item) items(key string) []item {
	list, _ := i[key].([]any)
	var all []item
	for _, v := range list {
		if object, ok := v.(map[string]any); ok {
			all = append(all, object)
		}
	}
	return all
}

// amount reads "16 GB" and "1536 MB", in powers of two as memory is.
func amount(s string) uint64 {
	number, unit, _ := strings.Cut(s, " ")
	return parse(number) << map[string]uint{"KB": 10, "MB": 20, "GB": 30, "TB": 40}[unit]
}

// machine is what the reports on hardware say.
func (r report) machine() facts.Hardware {
	h := facts.Hardware{Vendor: "Apple Inc."}
	for _, i := range r["SPHardwareDataType"] {
		h.Model, h.SKU = i.text("machine_model"), i.text("model_number")
		h.Serial, h.UUID = i.text("serial_number"), strings.ToLower(i.text("platform_UUID"))
		h.BIOS = facts.BIOS{Vendor: "Apple Inc.", Version: i.text("boot_rom_version")}
		h.Chassis = macChassis(i.text("machine_name") + " " + h.Model)
	}
	h.MemoryModules = r.modules()
	h.GPUs, h.Monitors = r.displays()
	h.Batteries = r.batteries()
	return h
}

func macChassis(name string) string {
	switch {
	case strings.Contains(name, "Virtual"), strings.Contains(name, "VMware"), strings.Contains(name, "Parallels"):
		return "virtual"
	case strings.Contains(name, "Book"):
		return "laptop"
	case strings.Contains(name, "Xserve"):
		return "server"
	case name == " ":
		return ""
	}
	return "desktop"
}

// modules: the memory of Apple's own processors is one, and has no slot.
func (r report) modules() []facts.MemoryModule {
	var all []facts.MemoryModule
	for _, i := range r["SPMemoryDataType"] {
		for _, slot := range append(i.items("_items"), i) {
			size := amount(first(slot.text("dimm_size"), slot.text("SPMemoryDataType")))
			if size == 0 {
				continue // empty; the list of the slots
			}
			speed, _, _ := strings.Cut(slot.text("dimm_speed"), " ")
			all = append(all, facts.MemoryModule{
				Slot: slot.text("_name"), Bytes: size, Type: slot.text("dimm_type"), MTps: int(parse(speed)),
				Vendor: slot.text("dimm_manufacturer"), Part: slot.text("dimm_part_number"), Serial: slot.text("dimm_serial_number"),
			})
		}
	}
	return all
}

func (r report) displays() (gpus []facts.GPU, monitors []facts.Monitor) {
	for _, i := range r["SPDisplaysDataType"] {
		vendor := strings.TrimPrefix(i.text("spdisplays_vendor"), "sppci_vendor_")
		gpus = append(gpus, facts.GPU{
			Name: first(i.text("sppci_model"), i.text("_name")), Vendor: vendor,
			Bytes: amount(first(i.text("spdisplays_vram"), i.text("_spdisplays_vram"))),
		})
		for _, d := range i.items("spdisplays_ndrvs") {
			width, height, _ := strings.Cut(d.text("_spdisplays_pixels"), " x ")
			monitors = append(monitors, facts.Monitor{
				Name: d.text("_name"), Vendor: monitorVendor(d.text("_spdisplays_display-vendor-id")), Width: int(parse(width)), Height: int(parse(height)),
				Serial: first(d.text("spdisplays_display-serial-number"), d.text("_spdisplays_display-serial-number")),
			})
		}
	}
	return gpus, monitors
}

// monitorVendor makes the three letters of an EDID of their number in hex.
func monitorVendor(s string) string {
	id, err := strconv.ParseUint(s, 16, 16)
	if err != nil || id == 0 {
		return ""
	}
	letter := func(shift int) byte { return byte(id>>shift&31) + 'A' - 1 }
	return string([]byte{letter(10), letter(5), letter(0)})
}

func (r report) batteries() []facts.Battery {
	var all []facts.Battery
	for _, i := range r["SPPowerDataType"] {
		charge, health, model := i.object("sppower_battery_charge_info"), i.object("sppower_battery_health_info"), i.object("sppower_battery_model_info")
		if charge == nil {
			continue // settings and chargers
		}
		charging := strings.EqualFold(charge.text("sppower_battery_is_charging"), "true")
		all = append(all, facts.Battery{
			Name:   clean(model.text("sppower_battery_manufacturer") + " " + model.text("sppower_battery_device_name")),
			Cycles: int(health.number("sppower_battery_cycle_count")), Charge: int(min(charge.number("sppower_battery_state_of_charge"), 100)), Charging: &charging,
		})
	}
	return all
}
