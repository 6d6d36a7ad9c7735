package facts

// Storage is what the host keeps data on.
type Storage struct {
	Disks   []Disk   `json:"disks"`   // physical, or what the hypervisor shows as such
	Volumes []Volume `json:"volumes"` // local file systems; no pseudo and no network ones
}

// Disk is a physical disk.
type Disk struct {
	Name      string `json:"name"` // sda, nvme0n1; PhysicalDrive0; disk0
	Model     string `json:"model,omitempty"`
	Vendor    string `json:"vendor,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Firmware  string `json:"firmware,omitempty"`
	Bytes     uint64 `json:"bytes"`
	Kind      string `json:"kind,omitempty"` // ssd, hdd, nvme, usb, virtual
	Bus       string `json:"bus,omitempty"`  // sata, nvme, usb, scsi, virtio, …
	Removable bool   `json:"removable,omitempty"`
	// Healthy is what the disk says of itself, where it can be read cheaply.
	Healthy *bool `json:"healthy,omitempty"`
}

// Volume is a file system that is mounted.
type Volume struct {
	Device     string   `json:"device"` // C:, /dev/sda1, /dev/disk3s1
	Mounts     []string `json:"mounts"` // sorted
	Label      string   `json:"label,omitempty"`
	FileSystem string   `json:"file_system,omitempty"` // NTFS, ext4, apfs
	UUID       string   `json:"uuid,omitempty"`        // of the file system; Windows: the volume's serial
	Bytes      uint64   `json:"bytes"`
	FreeBytes  uint64   `json:"free_bytes"` // for a process without privileges
	ReadOnly   bool     `json:"read_only,omitempty"`
	Disks      []string `json:"disks,omitempty"`      // the names of those below it
	Encryption string   `json:"encryption,omitempty"` // bitlocker, luks, dm-crypt, filevault; off; empty: not known
}
