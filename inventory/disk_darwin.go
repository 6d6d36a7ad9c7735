package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kanade-go/kanade/inventory/facts"
)

func (mac) storage(ctx context.Context, n *notes) (any, error) {
	volumes, err := macVolumes()
	r := profile(ctx, n, "SPStorageDataType", "SPNVMeDataType", "SPSerialATADataType", "SPUSBDataType")
	disks, vault := r.disks(), macVault(ctx, n)
	for i := range volumes {
		v := &volumes[i]
		r.describe(v, disks)
		if slices.Contains(v.Mounts, "/") || slices.Contains(v.Mounts, dataVolume) {
			v.Encryption = vault
		}
	}
	s := &facts.Storage{Disks: disks, Volumes: volumes}
	slices.SortFunc(s.Disks, func(a, b facts.Disk) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return s, err
}

// dataVolume holds what is not of the system itself, which is read-only.
const dataVolume = "/System/Volumes/Data"

// macVolumes are the local file systems, without those that the system keeps for
// itself: preboot, recovery, swap, images of simulators.
func macVolumes() ([]facts.Volume, error) {
	const dontWait, local, readOnly, hidden = 2, 0x1000, 0x1, 0x100000 // MNT_NOWAIT, MNT_LOCAL, MNT_RDONLY, MNT_DONTBROWSE
	all := []facts.Volume{}
	number, err := unix.Getfsstat(nil, dontWait)
	if err != nil {
		return all, fmt.Errorf("list file systems: %w", err)
	}
	list := make([]unix.Statfs_t, number+8)
	if number, err = unix.Getfsstat(list, dontWait); err != nil {
		return all, fmt.Errorf("list file systems: %w", err)
	}
	for _, fs := range list[:min(number, len(list))] {
		mount, device := unix.ByteSliceToString(fs.Mntonname[:]), unix.ByteSliceToString(fs.Mntfromname[:])
		if fs.Flags&local == 0 || !strings.HasPrefix(device, "/dev/") || fs.Flags&hidden != 0 && mount != dataVolume {
			continue
		}
		size := uint64(fs.Bsize)
		all = append(all, facts.Volume{
			Device: device, Mounts: []string{mount}, FileSystem: unix.ByteSliceToString(fs.Fstypename[:]), Bytes: fs.Blocks * size,
			FreeBytes: fs.Bavail * size, ReadOnly: fs.Flags&readOnly != 0,
		})
	}
	slices.SortFunc(all, func(a, b facts.Volume) int { return cmp.Compare(a.Device, b.Device) })
	return all, nil
}

func macVault(ctx context.Context, n *notes) string {
	switch on := onOff(toolNoting(ctx, n, "/usr/bin/fdesetup", "status")); {
	case on == nil:
		return ""
	case *on:
		return "filevault"
	}
	return "off"
}
