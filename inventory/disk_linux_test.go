package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func TestDisks(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/sys/devices/pci/ata1/host0/block/sda/size":             "2000\n",
		"/sys/devices/pci/ata1/host0/block/sda/queue/rotational": "1\n",
		"/sys/devices/pci/ata1/host0/block/sda/device/model":     "EXAMPLE HDD  \n",
		"/sys/devices/pci/ata1/host0/block/sda/device/vendor":    "ATA     \n",
		"/sys/devices/pci/ata1/host0/block/sda/device/rev":       "1.0\n",
		"/sys/block/sda": "-> /sys/devices/pci/ata1/host0/block/sda",
		"/sys/devices/pci/nvme/nvme0/nvme0n1/size":                "4000\n",
		"/sys/devices/pci/nvme/nvme0/nvme0n1/device/model":        "Example SSD\n",
		"/sys/devices/pci/nvme/nvme0/nvme0n1/device/serial":       "S1\n",
		"/sys/devices/pci/nvme/nvme0/nvme0n1/device/firmware_rev": "F7\n",
		"/sys/block/nvme0n1":                          "-> /sys/devices/pci/nvme/nvme0/nvme0n1",
		"/sys/devices/usb1/host9/block/sdb/size":      "0\n", // a reader without a card
		"/sys/block/sdb":                              "-> /sys/devices/usb1/host9/block/sdb",
		"/sys/devices/usb1/host8/block/sdc/size":      "8\n",
		"/sys/devices/usb1/host8/block/sdc/removable": "1\n",
		"/sys/block/sdc":                              "-> /sys/devices/usb1/host8/block/sdc",
		"/sys/block/loop0/size":                       "8\n",
		"/sys/block/dm-0/size":                        "8\n",
	})
	require.Equal(t, []facts.Disk{
		{Name: "nvme0n1", Model: "Example SSD", Serial: "S1", Firmware: "F7", Bytes: 4000 * 512, Kind: "nvme", Bus: "nvme"},
		{Name: "sda", Model: "EXAMPLE HDD", Firmware: "1.0", Bytes: 2000 * 512, Kind: "hdd", Bus: "sata"},
		{Name: "sdc", Bytes: 8 * 512, Kind: "usb", Bus: "usb", Removable: true},
	}, host.disks())
}

// An encrypted volume on a partition, mounted twice; a share of the network and a
// pseudo file system are none of ours.
func TestVolumes(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/proc/self/mountinfo": `22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/root rw
23 22 253:0 /home /with\040blank rw shared:2 - ext4 /dev/mapper/root rw
24 22 0:22 / /proc rw - proc proc rw
25 22 0:50 / /mnt rw - nfs4 server:/export rw
26 22 8:1 / /boot rw - vfat /dev/sda1 rw
broken
`,
		"/with blank/x":                            "",
		"/boot/x":                                  "",
		"/dev/dm-0/x":                              "",
		"/dev/mapper/root":                         "-> /dev/dm-0",
		"/dev/disk/by-uuid/1234-ABCD":              "-> /dev/sda1",
		"/dev/disk/by-label/EFI\\x20PART":          "-> /dev/sda1",
		"/sys/devices/pci/ata1/sda/size":           "1",
		"/sys/devices/pci/ata1/sda/sda1/partition": "1",
		"/sys/devices/pci/ata1/sda/sda2/partition": "2",
		"/sys/devices/virtual/dm-0/dm/uuid":        "CRYPT-LUKS2-00ff-root\n",
		"/sys/devices/virtual/dm-0/slaves/sda2/x":  "",
		"/sys/dev/block/253:0":                     "-> /sys/devices/virtual/dm-0",
		"/sys/dev/block/8:1":                       "-> /sys/devices/pci/ata1/sda/sda1",
		"/sys/class/block/sda2":                    "-> /sys/devices/pci/ata1/sda/sda2",
	})
	volumes, err := host.volumes(t.Context(), new(notes))
	require.NoError(t, err)
	require.Len(t, volumes, 2)
	for i := range volumes {
		require.NotZero(t, volumes[i].Bytes)
		require.NotZero(t, volumes[i].FreeBytes)
		volumes[i].Bytes, volumes[i].FreeBytes = 0, 0 // of this machine
	}
	require.Equal(t, []facts.Volume{
		{Device: "/dev/mapper/root", Mounts: []string{"/", "/with blank"}, FileSystem: "ext4", Disks: []string{"sda"}, Encryption: "luks"},
		{Device: "/dev/sda1", Mounts: []string{"/boot"}, Label: "EFI PART", FileSystem: "vfat", UUID: "1234-ABCD", Disks: []string{"sda"}, Encryption: "off"},
	}, volumes)
}

// btrfs mounts have numbers that are of no device.
func TestAnEncryptedVolumeOfBtrfs(t *testing.T) {
	host := hostOf(t, map[string]string{
		"/proc/self/mountinfo":                    "22 1 0:33 /root / rw - btrfs /dev/mapper/luks-1 rw,subvol=/root\n23 22 0:33 /home /home rw - btrfs /dev/mapper/luks-1 rw,subvol=/home\n",
		"/home/x":                                 "",
		"/dev/dm-0/x":                             "",
		"/dev/mapper/luks-1":                      "-> /dev/dm-0",
		"/sys/devices/virtual/dm-0/dm/uuid":       "CRYPT-LUKS2-00ff-luks-1\n",
		"/sys/devices/virtual/dm-0/slaves/sda2/x": "",
		"/sys/class/block/dm-0":                   "-> /sys/devices/virtual/dm-0",
		"/sys/devices/pci/sda/sda2/partition":     "2",
		"/sys/class/block/sda2":                   "-> /sys/devices/pci/sda/sda2",
	})
	volumes, err := host.volumes(t.Context(), new(notes))
	require.NoError(t, err)
	require.Len(t, volumes, 1)
	require.Equal(t, []string{"/", "/home"}, volumes[0].Mounts)
	require.Equal(t, "luks", volumes[0].Encryption)
	require.Equal(t, []string{"sda"}, volumes[0].Disks)
}

func TestWhatEncrypts(t *testing.T) {
	for uuid, want := range map[string]string{
		"CRYPT-LUKS1-1-x": "luks", "CRYPT-LUKS2-1-x": "luks", "CRYPT-BITLK-1-x": "bitlocker", "CRYPT-PLAIN-x": "dm-crypt", "CRYPT-VERITY-1-x": "",
		"CRYPT-INTEGRITY-x": "", "LVM-1": "", "": "",
	} {
		require.Equal(t, want, encryptedBy(uuid), uuid)
	}
}

func TestAVolumeThatIsGone(t *testing.T) {
	host := hostOf(t, map[string]string{"/proc/self/mountinfo": "22 1 8:1 / /gone rw - ext4 /dev/sda1 rw\n"})
	volumes, err := host.volumes(t.Context(), new(notes))
	require.ErrorContains(t, err, "/gone: no such file or directory")
	require.Equal(t, "/dev/sda1", volumes[0].Device, "what is known of it stays")
}

func TestEscapes(t *testing.T) {
	for in, want := range map[string]string{`a\040b`: "a b", `a\0`: "a0", `\999x`: `\999x`, "plain": "plain", `\134`: `\`} {
		require.Equal(t, want, unescape(in), in)
	}
	for in, want := range map[string]string{`a\x20b`: "a b", `a\x2`: `a\x2`, `\xzz`: `\xzz`, "plain": "plain"} {
		require.Equal(t, want, unhex(in), in)
	}
}
