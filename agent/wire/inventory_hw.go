package wire

import (
	"errors"
	"math"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// InventoryHw is the section of an [HwInventory] in its subject.
const InventoryHw = "hw"

// HwInventory is the contract's summary of a host, on the subject of section
// [InventoryHw] as it is, without an [InventorySection] around it.
type HwInventory struct {
	PCID        string
	Hostname    string
	OSName      string
	OSVersion   string
	OSBuild     string // optional
	CPUModel    string
	CPUCores    uint32 // physical, over all sockets
	RAMBytes    uint64
	Disks       []HwDisk
	CollectedAt time.Time
}

// HwDisk is a volume.
type HwDisk struct {
	DeviceID   string // C:, /dev/sda1
	SizeBytes  uint64
	FreeBytes  uint64
	FileSystem string // optional
}

// HwOf is the summary of what a collection found. It is none while one of the
// sections os, hardware and disk is missing: the contract has no way to say that
// its fields are not known.
func HwOf(pcID string, h facts.Host) (_ HwInventory, ok bool) {
	if h.OS == nil || h.Hardware == nil || h.Storage == nil {
		return HwInventory{}, false
	}
	v := HwInventory{
		PCID: pcID, Hostname: h.Hostname, OSName: h.OS.Name, OSVersion: h.OS.Version, OSBuild: h.OS.Build,
		RAMBytes: h.Hardware.RAMBytes, Disks: []HwDisk{}, CollectedAt: h.Collected.UTC(),
	}
	cores := 0
	for i, cpu := range h.Hardware.CPUs {
		if i == 0 {
			v.CPUModel = cpu.Model
		}
		cores += max(cpu.Cores, 0)
	}
	v.CPUCores = uint32(min(uint64(cores), math.MaxUint32)) // a sum of counts that are not negative
	for _, volume := range h.Storage.Volumes {
		v.Disks = append(v.Disks, HwDisk{
			DeviceID: volume.Device, SizeBytes: volume.Bytes, FreeBytes: volume.FreeBytes, FileSystem: volume.FileSystem,
		})
	}
	return v, true
}

// DecodeHwInventory reads a summary. The error matches [ErrDecode].
func DecodeHwInventory(data []byte) (HwInventory, error) {
	r := newReader("hw inventory", data)
	var v HwInventory
	seen := r.document(func(key []byte) { v.read(r, string(key)) })
	r.require(seen, "pc_id", "hostname", "os_name", "os_version", "cpu_model", "cpu_cores", "ram_bytes", "disks", "collected_at")
	if r.err != nil {
		return HwInventory{}, r.err
	}
	return v, nil
}

func (v *HwInventory) read(r *reader, key string) {
	switch key {
	case "pc_id":
		v.PCID = r.string()
	case "hostname":
		v.Hostname = r.string()
	case "os_name":
		v.OSName = r.string()
	case "os_version":
		v.OSVersion = r.string()
	case "os_build":
		v.OSBuild = r.optString()
	case "cpu_model":
		v.CPUModel = r.string()
	case "cpu_cores":
		v.CPUCores = r.uint32()
	case "ram_bytes":
		v.RAMBytes = r.uint()
	case "disks":
		v.Disks = r.hwDisks()
	case "collected_at":
		v.CollectedAt = r.time()
	default:
		r.skip()
	}
}

func (r *reader) hwDisks() []HwDisk {
	if r.peek() != '[' {
		r.mismatch("an array of objects")
		return nil
	}
	all := []HwDisk{}
	r.array(func() {
		var d HwDisk
		seen := r.object(func(key []byte) { d.read(r, string(key)) })
		r.require(seen, "device_id", "size_bytes", "free_bytes")
		all = append(all, d)
	})
	return all
}

func (d *HwDisk) read(r *reader, key string) {
	switch key {
	case "device_id":
		d.DeviceID = r.string()
	case "size_bytes":
		d.SizeBytes = r.uint()
	case "free_bytes":
		d.FreeBytes = r.uint()
	case "file_system":
		d.FileSystem = r.optString()
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
func (v HwInventory) Validate() error {
	return errors.Join(invalid("pc_id", checkPCID(v.PCID)), invalid("collected_at", checkTime(v.CollectedAt)))
}

// Encode writes the summary as it is published.
func (v HwInventory) Encode() []byte {
	w := newWriter(512 + 128*len(v.Disks))
	w.string("pc_id", v.PCID)
	w.string("hostname", v.Hostname)
	w.string("os_name", v.OSName)
	w.string("os_version", v.OSVersion)
	w.nullString("os_build", v.OSBuild)
	w.string("cpu_model", v.CPUModel)
	w.uint("cpu_cores", uint64(v.CPUCores))
	w.uint("ram_bytes", v.RAMBytes)
	w.key("disks")
	w.buf = append(w.buf, '[')
	for i, d := range v.Disks {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		d.write(w)
	}
	w.buf = append(w.buf, ']')
	w.time("collected_at", v.CollectedAt)
	return w.end()
}

func (d HwDisk) write(w *writer) {
	w.buf = append(w.buf, '{')
	w.string("device_id", d.DeviceID)
	w.uint("size_bytes", d.SizeBytes)
	w.uint("free_bytes", d.FreeBytes)
	w.nullString("file_system", d.FileSystem)
	w.buf = append(w.buf, '}')
}
