package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (h host) storage(ctx context.Context, n *notes) (any, error) {
	volumes, err := volumes(ctx, n) // before WMI, which may take all the time there is
	s := &facts.Storage{Volumes: volumes, Disks: h.disks(ctx, n)}
	if len(s.Disks) == 0 {
		s.Disks = h.drives(ctx, n)
	}
	slices.SortFunc(s.Disks, func(a, b facts.Disk) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	h.encryption(ctx, s.Volumes, n)
	return s, err
}

const physicalDrive = "PhysicalDrive"

type msftPhysicalDisk struct {
	DeviceId, FriendlyName, Model, Manufacturer, SerialNumber, FirmwareVersion string
	Size                                                                       uint64
	MediaType, BusType, HealthStatus                                           uint16
}

// disks are those of the storage subsystem, which knows their kind and health.
func (h host) disks(ctx context.Context, n *notes) []facts.Disk {
	disks := []facts.Disk{}
	for _, row := range askNoting[msftPhysicalDisk](ctx, h.wmi, n, `root\Microsoft\Windows\Storage`, "MSFT_PhysicalDisk") {
		bus := diskBus(row.BusType)
		model := first(clean(row.Model), clean(row.FriendlyName))
		healthy := row.HealthStatus == 0
		disks = append(disks, facts.Disk{
			Name: physicalDrive + clean(row.DeviceId), Model: model, Vendor: meant(clean(row.Manufacturer)), Serial: diskSerial(row.SerialNumber),
			Firmware: clean(row.FirmwareVersion), Bytes: row.Size, Bus: bus, Kind: windowsDiskKind(row.MediaType, bus, model), Removable: bus == "usb",
			Healthy: &healthy,
		})
	}
	return disks
}

type win32DiskDrive struct {
	Index                                                             uint32
	Model, SerialNumber, FirmwareRevision, InterfaceType, Description string
	MediaType                                                         string
	Size                                                              uint64
}

// drives are what every Windows knows.
func (h host) drives(ctx context.Context, n *notes) []facts.Disk {
	disks := []facts.Disk{}
	for _, row := range askNoting[win32DiskDrive](ctx, h.wmi, n, wmiNamespace, "Win32_DiskDrive") {
		bus := strings.ToLower(clean(row.InterfaceType))
		disks = append(disks, facts.Disk{
			Name: physicalDrive + decimal(uint64(row.Index)), Model: clean(row.Model), Serial: diskSerial(row.SerialNumber),
			Firmware: clean(row.FirmwareRevision), Bytes: row.Size, Bus: bus, Kind: windowsDiskKind(0, bus, row.Model),
			Removable: strings.HasPrefix(row.MediaType, "Removable"),
		})
	}
	return disks
}

type win32EncryptableVolume struct {
	DriveLetter      string
	ProtectionStatus uint32
}

// encryption is what BitLocker says of volumes; to administrators only.
func (h host) encryption(ctx context.Context, volumes []facts.Volume, n *notes) {
	const class = "Win32_EncryptableVolume"
	for _, row := range askNoting[win32EncryptableVolume](ctx, h.wmi, n, `root\cimv2\Security\MicrosoftVolumeEncryption`, class) {
		for i := range volumes {
			if slices.Contains(volumes[i].Mounts, clean(row.DriveLetter)) {
				volumes[i].Encryption = bitLocker(row.ProtectionStatus)
			}
		}
	}
}

func bitLocker(status uint32) string {
	switch status {
	case 0:
		return "off"
	case 1, 2: // on; locked
		return "bitlocker"
	}
	return ""
}
