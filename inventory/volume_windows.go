package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

// maxVolumes bounds how many volumes are looked at.
const maxVolumes = 1000

// volumes are the local ones that have a letter or folder.
func volumes(ctx context.Context, n *notes) ([]facts.Volume, error) {
	all := []facts.Volume{}
	names, err := volumeNames()
	for _, name := range names {
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		mounts := mountsOf(name)
		if len(mounts) == 0 || !local(mounts[0]) {
			continue
		}
		v, err := volume(name, mounts)
		if errors.Is(err, windows.ERROR_NOT_READY) {
			continue // a card reader without a card
		}
		n.miss(mounts[0], err)
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b facts.Volume) int { return cmp.Compare(a.Device, b.Device) })
	return all, err
}

// volumeNames are like \\?\Volume{2eca078d-5cbc-43d3-aff8-7e8511f60d0e}\.
func volumeNames() ([]string, error) {
	var name [windows.MAX_PATH]uint16
	find, err := windows.FindFirstVolume(&name[0], uint32(len(name)))
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	defer func() { _ = windows.FindVolumeClose(find) }()
	var all []string
	for len(all) < maxVolumes {
		all = append(all, windows.UTF16ToString(name[:]))
		if err := windows.FindNextVolume(find, &name[0], uint32(len(name))); err != nil {
			return all, nil //nolint:nilerr // that is how the list ends
		}
	}
	return all, nil
}

func local(mount string) bool {
	name, err := windows.UTF16PtrFromString(mount + `\`)
	if err != nil {
		return false
	}
	kind := windows.GetDriveType(name)
	return kind == windows.DRIVE_FIXED || kind == windows.DRIVE_REMOVABLE
}

// mountsOf are the letters and folders of a volume: C:, D:\data.
func mountsOf(volume string) []string {
	name, err := windows.UTF16PtrFromString(volume)
	if err != nil {
		return nil
	}
	paths := make([]uint16, 4<<10)
	var size uint32
	if err := windows.GetVolumePathNamesForVolumeName(name, &paths[0], uint32(len(paths)), &size); err != nil {
		return nil
	}
	var all []string
	for _, path := range texts(paths[:min(int(size), len(paths))]) {
		all = append(all, strings.TrimSuffix(path, `\`))
	}
	slices.Sort(all)
	return all
}

// texts takes a list apart whose texts end with a zero each.
func texts(list []uint16) []string {
	var all []string
	for len(list) > 0 {
		text := windows.UTF16ToString(list)
		if text != "" {
			all = append(all, text)
		}
		end := slices.Index(list, 0)
		if end < 0 {
			break
		}
		list = list[end+1:]
	}
	return all
}

func volume(name string, mounts []string) (facts.Volume, error) {
	v := facts.Volume{Device: mounts[0], Mounts: mounts, Disks: disksBelow(name)}
	root, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return v, err
	}
	var label, system [windows.MAX_PATH + 1]uint16
	var serial, flags uint32
	err = windows.GetVolumeInformation(root, &label[0], uint32(len(label)), &serial, nil, &flags, &system[0], uint32(len(system)))
	if err != nil {
		return v, err
	}
	v.Label, v.FileSystem = clean(windows.UTF16ToString(label[:])), windows.UTF16ToString(system[:])
	v.UUID = fmt.Sprintf("%04X-%04X", serial>>16, serial&0xffff)
	v.ReadOnly = flags&windows.FILE_READ_ONLY_VOLUME != 0
	return v, windows.GetDiskFreeSpaceEx(root, &v.FreeBytes, &v.Bytes, nil)
}

// maxExtents bounds the disks below a volume that spans several.
const maxExtents = 32

// disksBelow asks the volume; without the right to read it.
func disksBelow(volume string) []string {
	const getExtents = 0x560000 // IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS
	name, err := windows.UTF16PtrFromString(strings.TrimSuffix(volume, `\`))
	if err != nil {
		return nil
	}
	device, err := windows.CreateFile(name, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = windows.CloseHandle(device) }()
	var found struct { // VOLUME_DISK_EXTENTS
		number, _ uint32
		extents   [maxExtents]struct {
			disk, _        uint32
			offset, length int64
		}
	}
	var size uint32
	out := (*byte)(unsafe.Pointer(&found))
	if err := windows.DeviceIoControl(device, getExtents, nil, 0, out, uint32(unsafe.Sizeof(found)), &size, nil); err != nil {
		return nil
	}
	var disks []string
	for _, extent := range found.extents[:min(found.number, maxExtents)] {
		disks = append(disks, physicalDrive+decimal(uint64(extent.disk)))
	}
	slices.Sort(disks)
	return slices.Compact(disks)
}
