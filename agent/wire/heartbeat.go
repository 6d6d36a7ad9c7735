package wire

import (
	"errors"
	"time"
)

// Heartbeat says that a host is there. It is also the reply to a ping, then with
// the first five fields and RemoteViewing only. Nil and empty fields are left out.
type Heartbeat struct {
	PCID         string
	At           time.Time // by the host's clock
	AgentVersion string
	Hostname     string
	OSFamily     string // see [OSFamily]

	// AgentCPUPct is what the agent itself used since the last heartbeat, in
	// percent of one core.
	AgentCPUPct *float64
	// AgentRSSBytes is its memory now; the other two count since its start.
	AgentRSSBytes, AgentDiskReadBytes, AgentDiskWrittenBytes *int64

	// What follows came with later releases; older backends ignore it.

	AgentArch           string   // see [AgentArch]
	QuarantinedVersions []string // releases that this host rolled back
	// CommandKeys are the keys that commands are verified with. Empty and nil
	// differ: a host without keys, and one that does not say.
	CommandKeys   []string
	Enforcing     *bool // commands without a valid signature are refused
	RemoteViewing *bool
}

// OSFamily is how the wire names an operating system of Go (GOOS).
func OSFamily(goos string) string {
	if goos == "darwin" {
		return "macos"
	}
	return goos
}

// AgentArch is how the wire names an architecture of Go (GOARCH).
func AgentArch(goarch string) string {
	switch goarch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "x86"
	}
	return goarch
}

// DecodeHeartbeat reads a heartbeat. The error matches [ErrDecode].
func DecodeHeartbeat(data []byte) (Heartbeat, error) {
	r := newReader("heartbeat", data)
	var h Heartbeat
	seen := r.document(func(key []byte) { h.read(r, string(key)) })
	r.require(seen, "pc_id", "at", "agent_version")
	if r.err != nil {
		return Heartbeat{}, r.err
	}
	return h, nil
}

func (h *Heartbeat) read(r *reader, key string) {
	switch key {
	case "pc_id":
		h.PCID = r.string()
	case "at":
		h.At = r.time()
	case "agent_version":
		h.AgentVersion = r.string()
	case "hostname":
		h.Hostname = r.optString()
	case "os_family":
		h.OSFamily = r.optString()
	case "agent_cpu_pct":
		h.AgentCPUPct = set(r, (*reader).float)
	case "agent_rss_bytes":
		h.AgentRSSBytes = set(r, (*reader).int64)
	case "agent_disk_read_bytes":
		h.AgentDiskReadBytes = set(r, (*reader).int64)
	case "agent_disk_written_bytes":
		h.AgentDiskWrittenBytes = set(r, (*reader).int64)
	default:
		h.readLater(r, key)
	}
}

func (h *Heartbeat) readLater(r *reader, key string) {
	switch key {
	case "agent_arch":
		h.AgentArch = r.optString()
	case "quarantined_versions":
		h.QuarantinedVersions = r.optStrings()
	case "command_keys":
		h.CommandKeys = r.optStrings()
	case "enforcing":
		h.Enforcing = set(r, (*reader).bool)
	case "remote_viewing":
		h.RemoteViewing = set(r, (*reader).bool)
	default:
		r.skip()
	}
}

// Validate reports every problem at once, joined; each matches [ErrInvalid].
func (h Heartbeat) Validate() error {
	return errors.Join(
		invalid("pc_id", checkPCID(h.PCID)),
		invalid("at", checkTime(h.At)),
		invalid("agent_version", checkPresent(h.AgentVersion)),
	)
}

// Encode writes the heartbeat as it is published. A number that JSON does not
// have (an infinite one, one that is none) is left out.
func (h Heartbeat) Encode() []byte {
	w := newWriter(512)
	w.string("pc_id", h.PCID)
	w.time("at", h.At)
	w.string("agent_version", h.AgentVersion)
	w.omitString("hostname", h.Hostname)
	w.omitString("os_family", h.OSFamily)
	w.omitFloat("agent_cpu_pct", h.AgentCPUPct)
	w.omitInt64("agent_rss_bytes", h.AgentRSSBytes)
	w.omitInt64("agent_disk_read_bytes", h.AgentDiskReadBytes)
	w.omitInt64("agent_disk_written_bytes", h.AgentDiskWrittenBytes)
	w.omitString("agent_arch", h.AgentArch)
	if len(h.QuarantinedVersions) > 0 {
		w.strings("quarantined_versions", h.QuarantinedVersions)
	}
	if h.CommandKeys != nil {
		w.strings("command_keys", h.CommandKeys)
	}
	w.omitBool("enforcing", h.Enforcing)
	w.omitBool("remote_viewing", h.RemoteViewing)
	return w.end()
}
