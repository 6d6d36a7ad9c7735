package inventory

import (
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/kanade-go/kanade/inventory/facts"
)

// wholeDisk is the name of a disk, not of a part of it.
var wholeDisk = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^disk\d+$`) })

// diskReports are the data types that disks are in, by their bus.
var diskReports = []struct{ kind, bus string }{
	{"SPNVMeDataType", "nvme"}, {"SPSerialATADataType", "sata"}, {"SPUSBDataType", "usb"}, {"SPUSBHostDataType", "usb"},
}

func (r report) disks() []facts.Disk {
	disks := []facts.Disk{}
	for _, from := range diskReports {
		for _, i := range r[from.kind] {
			i.disks(from.bus, "", 0, func(d facts.Disk) { disks = append(disks, d) })
		}
	}
	return disks
}

// disks yields those below an object: controllers and hubs hold others.
func (i item) disks(bus, serial string, depth int, each func(facts.Disk)) {
	serial = first(i.text("device_serial"), i.text("serial_num"), serial)
	if name := i.text("bsd_name"); wholeDisk().MatchString(name) {
		kind := first(strings.ToLower(strings.TrimPrefix(i.text("spsata_medium_type"), "spsata_medium_type_")), map[string]string{"nvme": "nvme", "usb": "usb"}[bus])
		d := facts.Disk{
			Name: name, Model: first(i.text("device_model"), i.text("_name")), Serial: serial, Firmware: i.text("device_revision"), Bytes: i.number("size_in_bytes"),
			Kind: diskMedium(kind), Bus: bus, Removable: i.text("removable_media") == "yes", Healthy: healthy(i.text("smart_status")),
		}
		each(d)
		return
	}
	if depth > 8 {
		return
	}
	for _, key := range []string{"_items", "Media"} {
		for _, child := range i.items(key) {
			child.disks(bus, serial, depth+1, each)
		}
	}
}

func diskMedium(kind string) string {
	switch {
	case strings.Contains(kind, "solid"):
		return "ssd"
	case strings.Contains(kind, "rotational"):
		return "hdd"
	}
	return kind
}

func healthy(smart string) *bool {
	yes := smart == "Verified"
	if !yes && smart != "Failing" {
		return nil
	}
	return &yes
}

// describe adds what SPStorageDataType says of a file system. Its device lies in a
// container of its own; the disk below is told by its model.
func (r report) describe(v *facts.Volume, disks []facts.Disk) {
	for _, i := range r["SPStorageDataType"] {
		if i.text("bsd_name") != path.Base(v.Device) {
			continue
		}
		v.Label, v.UUID = i.text("_name"), strings.ToLower(i.text("volume_uuid"))
		model := i.object("physical_drive").text("device_name")
		for _, d := range disks {
			if model != "" && d.Model == model {
				v.Disks = append(v.Disks, d.Name)
			}
		}
	}
}
