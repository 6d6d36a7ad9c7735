package wire

import (
	"errors"
	"time"
)

// ProcessPerf is the busiest processes of a host, the busiest first.
type ProcessPerf struct {
	PCID      string
	At        time.Time
	Processes []ProcessLoad
}

// ProcessLoad is one process of a [ProcessPerf].
type ProcessLoad struct {
	PID  uint32
	Name string // without folder
	// CPUPct is in percent of one core, so it may be more than 100.
	CPUPct   float64
	RSSBytes int64
	// The rates are nil, and left out, when there is no earlier sample.
	DiskReadBytesPerSec, DiskWrittenBytesPerSec *float64
}

// DecodeProcessPerf reads a sample. The error matches [ErrDecode].
func DecodeProcessPerf(data []byte) (ProcessPerf, error) {
	r := newReader("process load", data)
	var p ProcessPerf
	seen := r.document(func(key []byte) { p.read(r, string(key)) })
	r.require(seen, "pc_id", "at", "processes")
	if r.err != nil {
		return ProcessPerf{}, r.err
	}
	return p, nil
}

func (p *ProcessPerf) read(r *reader, key string) {
	switch key {
	case "pc_id":
		p.PCID = r.string()
	case "at":
		p.At = r.time()
	case "processes":
		p.Processes = r.processes()
	default:
		r.skip()
	}
}

func (r *reader) processes() []ProcessLoad {
	if r.peek() != '[' {
		r.mismatch("an array of objects")
		return nil
	}
	all := []ProcessLoad{}
	r.array(func() {
		var l ProcessLoad
		seen := r.object(func(key []byte) { l.read(r, string(key)) })
		r.require(seen, "pid", "name", "cpu_pct", "rss_bytes")
		all = append(all, l)
	})
	return all
}

func (l *ProcessLoad) read(r *reader, key string) {
	switch key {
	case "pid":
		l.PID = r.uint32()
	case "name":
		l.Name = r.string()
	case "cpu_pct":
		l.CPUPct = r.float()
	case "rss_bytes":
		l.RSSBytes = r.int64()
	case "disk_read_bytes_per_sec":
		l.DiskReadBytesPerSec = set(r, (*reader).float)
	case "disk_written_bytes_per_sec":
		l.DiskWrittenBytesPerSec = set(r, (*reader).float)
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
func (p ProcessPerf) Validate() error {
	return errors.Join(invalid("pc_id", checkPCID(p.PCID)), invalid("at", checkTime(p.At)))
}

// Encode writes the sample as it is published.
func (p ProcessPerf) Encode() []byte {
	w := newWriter(128 + 160*len(p.Processes))
	w.string("pc_id", p.PCID)
	w.time("at", p.At)
	w.key("processes")
	w.buf = append(w.buf, '[')
	for i, l := range p.Processes {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		l.write(w)
	}
	w.buf = append(w.buf, ']')
	return w.end()
}

func (l ProcessLoad) write(w *writer) {
	w.buf = append(w.buf, '{')
	w.uint("pid", uint64(l.PID))
	w.string("name", l.Name)
	w.float("cpu_pct", l.CPUPct)
	w.int64("rss_bytes", l.RSSBytes)
	w.omitFloat("disk_read_bytes_per_sec", l.DiskReadBytesPerSec)
	w.omitFloat("disk_written_bytes_per_sec", l.DiskWrittenBytesPerSec)
	w.buf = append(w.buf, '}')
}
