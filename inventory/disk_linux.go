package inventory

import (
	"context"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (t tree) storage(ctx context.Context, n *notes) (any, error) {
	s := &facts.Storage{Disks: t.disks()}
	var err error
	s.Volumes, err = t.volumes(ctx, n)
	return s, err
}

// notDisks are block devices that are made of others, or of memory.
var notDisks = []string{"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "drbd"}

func (t tree) disks() []facts.Disk {
	disks := []facts.Disk{}
	for _, name := range t.names("/sys/block") {
		if slices.ContainsFunc(notDisks, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		dir := "/sys/block/" + name + "/"
		size := times(t.number(dir+"size"), 512) // sectors of sysfs are that, whatever the disk's are
		if size == 0 {
			continue // a card reader without a card
		}
		disks = append(disks, facts.Disk{
			Name: name, Bytes: size, Removable: t.text(dir+"removable") == "1",
			Model: t.text(dir + "device/model"), Vendor: atVendor(t.text(dir + "device/vendor")),
			Serial:   first(t.text(dir+"device/serial"), t.text(dir+"serial")),
			Firmware: first(t.text(dir+"device/firmware_rev"), t.text(dir+"device/rev")),
			Kind:     t.diskKind(name), Bus: t.bus(name),
		})
	}
	return disks
}

// atVendor drops what libata writes in place of a maker, and the number that
// virtio has.
func atVendor(s string) string {
	if s == "ATA" || strings.HasPrefix(s, "0x") {
		return ""
	}
	return s
}

func (t tree) diskKind(name string) string {
	bus := t.bus(name)
	switch {
	case bus == "virtio" || bus == "xen" || t.text("/sys/block/"+name+"/device/vendor") == "QEMU":
		return "virtual"
	case bus == "usb" || bus == "nvme":
		return bus
	case t.text("/sys/block/"+name+"/queue/rotational") == "1":
		return "hdd"
	}
	return "ssd"
}

// bus is told by the path of the device in the kernel's tree.
func (t tree) bus(name string) string {
	path := t.target("/sys/block/" + name)
	for _, b := range []struct{ sign, name string }{
		{"/nvme", "nvme"}, {"/usb", "usb"}, {"/virtio", "virtio"}, {"/vbd-", "xen"}, {"/ata", "sata"}, {"/mmc", "mmc"}, {"/sas", "sas"}, {"/host", "scsi"},
	} {
		if strings.Contains(path, b.sign) {
			return b.name
		}
	}
	return ""
}
