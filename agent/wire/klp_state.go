package wire

import (
	"encoding/json"
	"slices"
	"time"
)

// KLPCheckStatus is how a check went.
type KLPCheckStatus uint8

// The outcomes.
const (
	KLPOK KLPCheckStatus = iota
	KLPWarn
	KLPFail
	KLPUnknown
)

var klpCheckStatusNames = []string{"ok", "warn", "fail", "unknown"}

// String returns the name on the wire.
func (s KLPCheckStatus) String() string {
	return enumName("klp check status", klpCheckStatusNames, uint8(s))
}

// KLPState is how the agent and its host are.
type KLPState struct {
	AgentVersion  string
	Checks        []KLPCheck
	Online        bool // connected to the broker
	PCID          string
	TargetVersion string // AgentVersion if there is no other target
	VPN           string // "unknown": nobody looks
}

// KLPCheck is one thing that was looked at.
type KLPCheck struct {
	Detail       string // for people; optional
	Name         string
	Status       KLPCheckStatus
	Troubleshoot string // a job that may help; optional
}

// Equal says whether nothing differs.
func (s KLPState) Equal(o KLPState) bool {
	return s.AgentVersion == o.AgentVersion && s.Online == o.Online && s.PCID == o.PCID &&
		s.TargetVersion == o.TargetVersion && s.VPN == o.VPN && slices.Equal(s.Checks, o.Checks)
}

// DecodeKLPState reads a result. The error matches [ErrDecode].
func DecodeKLPState(result json.RawMessage) (KLPState, error) {
	var s KLPState
	r := newReader("klp state", result)
	s.read(r)
	r.end()
	if r.err != nil {
		return KLPState{}, r.err
	}
	return s, nil
}

func (s *KLPState) read(r *reader) {
	seen := r.object(func(key []byte) { s.member(r, string(key)) })
	r.require(seen, "pc_id", "online", "vpn", "checks", "agent_version", "target_version")
}

func (s *KLPState) member(r *reader, key string) {
	switch key {
	case "agent_version":
		s.AgentVersion = r.string()
	case "checks":
		s.Checks = list(r, readKLPCheck)
	case "online":
		s.Online = r.bool()
	case "pc_id":
		s.PCID = r.string()
	case "target_version":
		s.TargetVersion = r.string()
	case "vpn":
		s.VPN = r.string()
	default:
		r.skip()
	}
}

func readKLPCheck(r *reader) (c KLPCheck) {
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "detail":
			c.Detail = r.optString()
		case "name":
			c.Name = r.string()
		case "status":
			c.Status = KLPCheckStatus(r.enum(klpCheckStatusNames))
		case "troubleshoot":
			c.Troubleshoot = r.optString()
		default:
			r.skip()
		}
	})
	r.require(seen, "name", "status")
	return c
}

// Encode writes a result.
func (s KLPState) Encode() []byte {
	w := newWriter(640)
	s.write(w)
	return w.end()
}

func (s KLPState) write(w *writer) {
	w.string("agent_version", s.AgentVersion)
	w.key("checks")
	w.buf = append(w.buf, '[')
	for i, c := range s.Checks {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, '{')
		w.omitString("detail", c.Detail)
		w.string("name", c.Name)
		w.string("status", c.Status.String())
		w.omitString("troubleshoot", c.Troubleshoot)
		w.buf = append(w.buf, '}')
	}
	w.buf = append(w.buf, ']')
	w.bool("online", s.Online)
	w.string("pc_id", s.PCID)
	w.string("target_version", s.TargetVersion)
	w.string("vpn", s.VPN)
}

// KLPStateChanged is pushed to those who subscribed.
type KLPStateChanged struct {
	At       time.Time
	Snapshot KLPState
}

// DecodeKLPStateChanged reads params. The error matches [ErrDecode].
func DecodeKLPStateChanged(params json.RawMessage) (KLPStateChanged, error) {
	var c KLPStateChanged
	r := newReader("klp state change", params)
	seen := r.document(func(key []byte) {
		switch string(key) {
		case "at":
			c.At = r.time()
		case "snapshot":
			c.Snapshot.read(r)
		default:
			r.skip()
		}
	})
	r.require(seen, "at", "snapshot")
	if r.err != nil {
		return KLPStateChanged{}, r.err
	}
	return c, nil
}

// Encode writes params.
func (c KLPStateChanged) Encode() []byte {
	w := newWriter(720)
	w.time("at", c.At)
	w.open("snapshot")
	c.Snapshot.write(w)
	w.close()
	return w.end()
}

// KLPSubscription is what subscribing returns and unsubscribing takes.
type KLPSubscription struct{ ID string }

// DecodeKLPSubscription reads it. The error matches [ErrDecode].
func DecodeKLPSubscription(data json.RawMessage) (KLPSubscription, error) {
	var s KLPSubscription
	r := newReader("klp subscription", data)
	seen := r.document(func(key []byte) {
		if string(key) == "subscription" {
			s.ID = r.string()
			return
		}
		r.skip()
	})
	r.require(seen, "subscription")
	if r.err != nil {
		return KLPSubscription{}, r.err
	}
	return s, nil
}

// Encode writes it.
func (s KLPSubscription) Encode() []byte {
	w := newWriter(48)
	w.string("subscription", s.ID)
	return w.end()
}
