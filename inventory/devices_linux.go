package inventory

import (
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// memoryModules: only root can read the table.
func (t tree) memoryModules(n *notes) []facts.MemoryModule {
	const name = "/sys/firmware/dmi/tables/DMI"
	table, err := t.bytes(name)
	if err != nil {
		n.miss(name, unwrapPath(err))
		return nil
	}
	found, err := modules(table)
	n.miss(name, err)
	return found
}

// displayClass are the PCI devices that show something, with a driver or without:
// the PCI code and ID assignment specification, base class 3.
const displayClass = "0x03"

func (t tree) gpus(n *notes) []facts.GPU {
	var found []facts.GPU
	for _, name := range t.names("/sys/bus/pci/devices") {
		dir := "/sys/bus/pci/devices/" + name + "/"
		vendor, device := t.text(dir+"vendor"), t.text(dir+"device")
		if vendor == "" || !strings.HasPrefix(t.text(dir+"class"), displayClass) {
			continue
		}
		maker, model := t.pci(vendor, device, n)
		driver := t.link(dir + "driver")
		found = append(found, facts.GPU{
			Name: first(model, vendor+":"+device), Vendor: first(maker, vendor), Bytes: t.number(dir + "mem_info_vram_total"),
			Driver: first(t.text("/sys/module/"+driver+"/version"), driver),
		})
	}
	return found
}

// pci names a device by the list that distributions install.
func (t tree) pci(vendor, device string, n *notes) (maker, model string) {
	vendor, device = strings.TrimPrefix(vendor, "0x"), strings.TrimPrefix(device, "0x")
	for _, list := range []string{"/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"} {
		t.lines(list, n, func(line string) {
			switch {
			case maker == "" && strings.HasPrefix(line, vendor+"  "):
				maker = clean(line[len(vendor):])
			case maker != "" && line != "" && line[0] != '\t' && line[0] != '#':
				vendor = "-" // the next maker: nothing more to find
			case vendor != "-" && maker != "" && model == "" && strings.HasPrefix(line, "\t"+device+"  "):
				model = clean(line[1+len(device):])
			}
		})
		if maker != "" {
			break
		}
	}
	return maker, model
}

func (t tree) batteries() []facts.Battery {
	var found []facts.Battery
	for _, name := range t.names("/sys/class/power_supply") {
		dir := "/sys/class/power_supply/" + name + "/"
		if t.text(dir+"type") != "Battery" || t.text(dir+"scope") == "Device" { // a mouse has one too
			continue
		}
		charging := t.text(dir+"status") == "Charging"
		found = append(found, facts.Battery{
			Name:   clean(t.text(dir+"manufacturer") + " " + t.text(dir+"model_name")),
			Design: t.milliwattHours(dir, "full_design"), Full: t.milliwattHours(dir, "full"),
			Cycles: int(t.number(dir + "cycle_count")), Charge: int(t.number(dir + "capacity")), Charging: &charging,
		})
	}
	return found
}

// milliwattHours: some firmware counts energy, some charge.
func (t tree) milliwattHours(dir, what string) int {
	if energy := t.number(dir + "energy_" + what); energy > 0 {
		return int(energy / 1000)
	}
	return int(t.number(dir+"charge_"+what) / 1000 * t.number(dir+"voltage_min_design") / 1_000_000)
}

func (t tree) monitors() []facts.Monitor {
	var found []facts.Monitor
	for _, name := range t.names("/sys/class/drm") {
		data, err := t.bytes("/sys/class/drm/" + name + "/edid")
		if err != nil {
			continue
		}
		if m, ok := edid(data); ok {
			found = append(found, m)
		}
	}
	return found
}
