package wire

// KLP is the protocol between the agent and programs on the same host: over a
// named pipe on Windows, a unix socket elsewhere. A frame is a length of four
// bytes, little endian, and so many bytes of JSON; see [KLPMessage].
const (
	// KLPProtocol is the only version that there is.
	KLPProtocol = 1
	// KLPMaxBody is how large the JSON of a frame is at most, in bytes, either way.
	KLPMaxBody = 1 << 20
	// KLPPipe is the name of the pipe on Windows.
	KLPPipe = `\\.\pipe\kanade-agent`
)

// Methods of KLP. All but the last are requests of a client; the last is what
// the agent sends to those who subscribed.
const (
	KLPHandshakeMethod        = "system.handshake"
	KLPPingMethod             = "system.ping"
	KLPVersionMethod          = "system.version"
	KLPLogTailMethod          = "system.log_tail"
	KLPStateSnapshotMethod    = "state.snapshot"
	KLPStateSubscribeMethod   = "state.subscribe"
	KLPStateUnsubscribeMethod = "state.unsubscribe"
	KLPStateChangedMethod     = "state.changed"
)
