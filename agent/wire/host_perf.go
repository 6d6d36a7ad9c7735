package wire

import (
	"errors"
	"time"
)

// HostPerf is the load of a host. What is nil was not measured and is left out.
type HostPerf struct {
	PCID string
	At   time.Time
	// CPUPct is the mean over all logical cores since the last sample, 0 to 100.
	CPUPct   *float64
	CPUCount *uint32 // logical cores
	// Memory and swap space in bytes.
	MemUsedBytes, MemTotalBytes   *int64
	SwapUsedBytes, SwapTotalBytes *int64
	// Rates are bytes per second since the last sample, over all disks and over
	// all network interfaces.
	DiskReadBytesPerSec, DiskWrittenBytesPerSec *float64
	NetRxBytesPerSec, NetTxBytesPerSec          *float64
}

// DecodeHostPerf reads a sample. The error matches [ErrDecode].
func DecodeHostPerf(data []byte) (HostPerf, error) {
	r := newReader("host load", data)
	var p HostPerf
	seen := r.document(func(key []byte) { p.read(r, string(key)) })
	r.require(seen, "pc_id", "at")
	if r.err != nil {
		return HostPerf{}, r.err
	}
	return p, nil
}

func (p *HostPerf) read(r *reader, key string) {
	switch key {
	case "pc_id":
		p.PCID = r.string()
	case "at":
		p.At = r.time()
	case "cpu_pct":
		p.CPUPct = set(r, (*reader).float)
	case "cpu_count":
		p.CPUCount = set(r, (*reader).uint32)
	case "mem_used_bytes":
		p.MemUsedBytes = set(r, (*reader).int64)
	case "mem_total_bytes":
		p.MemTotalBytes = set(r, (*reader).int64)
	case "swap_used_bytes":
		p.SwapUsedBytes = set(r, (*reader).int64)
	case "swap_total_bytes":
		p.SwapTotalBytes = set(r, (*reader).int64)
	case "disk_read_bytes_per_sec":
		p.DiskReadBytesPerSec = set(r, (*reader).float)
	case "disk_written_bytes_per_sec":
		p.DiskWrittenBytesPerSec = set(r, (*reader).float)
	case "net_rx_bytes_per_sec":
		p.NetRxBytesPerSec = set(r, (*reader).float)
	case "net_tx_bytes_per_sec":
		p.NetTxBytesPerSec = set(r, (*reader).float)
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
func (p HostPerf) Validate() error {
	return errors.Join(invalid("pc_id", checkPCID(p.PCID)), invalid("at", checkTime(p.At)))
}

// Encode writes the sample as it is published. A number that JSON does not have
// is left out.
func (p HostPerf) Encode() []byte {
	w := newWriter(512)
	w.string("pc_id", p.PCID)
	w.time("at", p.At)
	w.omitFloat("cpu_pct", p.CPUPct)
	w.omitUint32("cpu_count", p.CPUCount)
	w.omitInt64("mem_used_bytes", p.MemUsedBytes)
	w.omitInt64("mem_total_bytes", p.MemTotalBytes)
	w.omitInt64("swap_used_bytes", p.SwapUsedBytes)
	w.omitInt64("swap_total_bytes", p.SwapTotalBytes)
	w.omitFloat("disk_read_bytes_per_sec", p.DiskReadBytesPerSec)
	w.omitFloat("disk_written_bytes_per_sec", p.DiskWrittenBytesPerSec)
	w.omitFloat("net_rx_bytes_per_sec", p.NetRxBytesPerSec)
	w.omitFloat("net_tx_bytes_per_sec", p.NetTxBytesPerSec)
	return w.end()
}
