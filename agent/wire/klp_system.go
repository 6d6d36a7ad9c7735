package wire

import (
	"encoding/json"
	"strconv"
	"time"
)

// KLPHandshake opens a connection: who asks, and which versions it speaks.
type KLPHandshake struct {
	Client        string
	ClientVersion string
	Protocol      []uint32 // at least one
	Features      []string
}

// DecodeKLPHandshake reads params. The error matches [ErrDecode].
func DecodeKLPHandshake(params json.RawMessage) (KLPHandshake, error) {
	var h KLPHandshake
	r := newReader("klp handshake", params)
	seen := r.document(func(key []byte) { h.read(r, string(key)) })
	r.require(seen, "client", "client_version", "protocol")
	if r.err == nil && len(h.Protocol) == 0 {
		r.failf("protocol names no version")
	}
	if r.err != nil {
		return KLPHandshake{}, r.err
	}
	return h, nil
}

func (h *KLPHandshake) read(r *reader, key string) {
	switch key {
	case "client":
		h.Client = r.string()
	case "client_version":
		h.ClientVersion = r.string()
	case "protocol":
		h.Protocol = list(r, (*reader).uint32)
	case "features":
		h.Features = list(r, (*reader).string)
	default:
		r.skip()
	}
}

// Encode writes params.
func (h KLPHandshake) Encode() []byte {
	w := newWriter(128)
	w.string("client", h.Client)
	w.string("client_version", h.ClientVersion)
	if len(h.Features) > 0 {
		w.strings("features", h.Features)
	}
	w.key("protocol")
	w.buf = append(w.buf, '[')
	for i, version := range h.Protocol {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = strconv.AppendUint(w.buf, uint64(version), 10)
	}
	w.buf = append(w.buf, ']')
	return w.end()
}

// KLPWelcome answers a handshake.
type KLPWelcome struct {
	AgentVersion string
	Features     []string // written as [] when there are none
	Protocol     uint32
	Session      KLPSession
}

// KLPSession is whom the operating system says that the client is.
type KLPSession struct {
	PCID string
	// SessionID is that of the terminal session on Windows, the user's number
	// elsewhere.
	SessionID uint32
	User      string // DOMAIN\user, or a user's name; "<unknown>" if it has none
}

// DecodeKLPWelcome reads a result. The error matches [ErrDecode].
func DecodeKLPWelcome(result json.RawMessage) (KLPWelcome, error) {
	var h KLPWelcome
	r := newReader("klp welcome", result)
	seen := r.document(func(key []byte) {
		switch string(key) {
		case "agent_version":
			h.AgentVersion = r.string()
		case "features":
			h.Features = list(r, (*reader).string)
		case "protocol":
			h.Protocol = r.uint32()
		case "session":
			h.Session.read(r)
		default:
			r.skip()
		}
	})
	r.require(seen, "agent_version", "features", "protocol", "session")
	if r.err != nil {
		return KLPWelcome{}, r.err
	}
	return h, nil
}

func (s *KLPSession) read(r *reader) {
	seen := r.object(func(key []byte) {
		switch string(key) {
		case "pc_id":
			s.PCID = r.string()
		case "session_id":
			s.SessionID = r.uint32()
		case "user":
			s.User = r.string()
		default:
			r.skip()
		}
	})
	r.require(seen, "pc_id", "session_id", "user")
}

// Encode writes a result.
func (h KLPWelcome) Encode() []byte {
	w := newWriter(192)
	w.string("agent_version", h.AgentVersion)
	w.strings("features", h.Features)
	w.uint("protocol", uint64(h.Protocol))
	w.open("session")
	w.string("pc_id", h.Session.PCID)
	w.uint("session_id", uint64(h.Session.SessionID))
	w.string("user", h.Session.User)
	w.close()
	return w.end()
}

// KLPPong answers a ping.
type KLPPong struct{ AgentTime time.Time }

// DecodeKLPPong reads a result. The error matches [ErrDecode].
func DecodeKLPPong(result json.RawMessage) (KLPPong, error) {
	var p KLPPong
	r := newReader("klp pong", result)
	seen := r.document(func(key []byte) {
		if string(key) == "agent_time" {
			p.AgentTime = r.time()
			return
		}
		r.skip()
	})
	r.require(seen, "agent_time")
	if r.err != nil {
		return KLPPong{}, r.err
	}
	return p, nil
}

// Encode writes a result.
func (p KLPPong) Encode() []byte {
	w := newWriter(64)
	w.time("agent_time", p.AgentTime)
	return w.end()
}

// KLPVersions answers system.version.
type KLPVersions struct {
	AgentVersion        string
	TargetAgentVersion  string // AgentVersion if there is no other target
	TargetClientVersion string // optional
}

// DecodeKLPVersions reads a result. The error matches [ErrDecode].
func DecodeKLPVersions(result json.RawMessage) (KLPVersions, error) {
	var v KLPVersions
	r := newReader("klp versions", result)
	seen := r.document(func(key []byte) {
		switch string(key) {
		case "agent_version":
			v.AgentVersion = r.string()
		case "target_agent_version":
			v.TargetAgentVersion = r.string()
		case "target_client_version":
			v.TargetClientVersion = r.optString()
		default:
			r.skip()
		}
	})
	r.require(seen, "agent_version", "target_agent_version")
	if r.err != nil {
		return KLPVersions{}, r.err
	}
	return v, nil
}

// Encode writes a result.
func (v KLPVersions) Encode() []byte {
	w := newWriter(96)
	w.string("agent_version", v.AgentVersion)
	w.string("target_agent_version", v.TargetAgentVersion)
	w.omitString("target_client_version", v.TargetClientVersion)
	return w.end()
}
