package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var klpState = KLPState{
	AgentVersion: "0.43.17", PCID: "LAB-09", TargetVersion: "0.43.17", VPN: "unknown", Online: true,
	Checks: []KLPCheck{{Name: "agent_self_update", Detail: "up to date", Status: KLPOK}},
}

var klpFull = KLPState{
	AgentVersion: "1.0.0", PCID: "größe", TargetVersion: "1.1.0", VPN: "unknown",
	Checks: []KLPCheck{
		{Name: "agent_self_update", Detail: "restart pending", Status: KLPWarn, Troubleshoot: "fix-<update>"},
		{Name: "disk_free", Status: KLPFail},
		{Name: "bitlocker", Status: KLPUnknown},
	},
}

// klpFiles has every message that goes over the wire: first those that the wire
// has examples of, then all the others.
var klpFiles = map[string]KLPMessage{
	"contract/klp_handshake.json": {
		ID: KLPStringID("q1"), Method: KLPHandshakeMethod,
		Params: KLPHandshake{Client: "acme-tray", ClientVersion: "2.0.1", Protocol: []uint32{1}}.Encode(),
	},
	"contract/klp_welcome.json": {
		ID:     KLPStringID("q1"),
		Result: KLPWelcome{AgentVersion: "0.43.17", Protocol: 1, Session: KLPSession{PCID: "LAB-09", SessionID: 3, User: `ACME\casey`}}.Encode(),
	},
	"contract/klp_subscribe.json":     {ID: KLPStringID("q2"), Method: KLPStateSubscribeMethod},
	"contract/klp_subscription.json":  {ID: KLPStringID("q2"), Result: KLPSubscription{ID: "sub-s-1"}.Encode()},
	"contract/klp_state_changed.json": {Method: KLPStateChangedMethod, Params: KLPStateChanged{At: at(2031, 3, 4, 5, 0, 30, 1000), Snapshot: klpState}.Encode()},
	"contract/klp_error.json":         {ID: KLPStringID("q7"), Error: &KLPError{Kind: KLPNotFound, Detail: "no such subscription: sub-s-9"}},
	"klp_handshake_full.json": {
		ID: "7", Method: KLPHandshakeMethod,
		Params: KLPHandshake{Client: "größe", ClientVersion: "2", Protocol: []uint32{1, 2, 4294967295}, Features: []string{"push.state"}}.Encode(),
	},
	"klp_ping.json":          {ID: KLPStringID("p"), Method: KLPPingMethod},
	"klp_pong.json":          {ID: KLPStringID("p"), Result: KLPPong{AgentTime: at(2031, 3, 4, 5, 0, 30, 0)}.Encode()},
	"klp_version.json":       {ID: KLPStringID("v"), Method: KLPVersionMethod},
	"klp_versions.json":      {ID: KLPStringID("v"), Result: KLPVersions{AgentVersion: "1.0.0", TargetAgentVersion: "1.1.0"}.Encode()},
	"klp_versions_full.json": {ID: KLPStringID("v"), Result: KLPVersions{AgentVersion: "1", TargetAgentVersion: "2", TargetClientVersion: "3"}.Encode()},
	"klp_log_tail.json":      {ID: KLPStringID("l"), Method: KLPLogTailMethod, Params: KLPLogTail{Lines: 1100}.Encode()},
	"klp_log_lines.json":     {ID: KLPStringID("l"), Result: KLPLogLines{Lines: []string{`a "b" <c>`, "", "ä\t"}, Truncated: true}.Encode()},
	"klp_log_none.json":      {ID: KLPStringID("l"), Result: KLPLogLines{}.Encode()},
	"klp_snapshot.json":      {ID: KLPStringID("s"), Method: KLPStateSnapshotMethod},
	"klp_state.json":         {ID: KLPStringID("s"), Result: klpFull.Encode()},
	"klp_unsubscribe.json":   {ID: KLPStringID("u"), Method: KLPStateUnsubscribeMethod, Params: KLPSubscription{ID: "sub-s-1"}.Encode()},
	"klp_void.json":          {ID: KLPStringID("u")},
	"klp_nobody.json":        {Error: &KLPError{Kind: KLPParseError, Detail: "expected a value"}},
}

func TestGoldenKLP(t *testing.T) {
	t.Parallel()
	for file, m := range klpFiles {
		read, err := DecodeKLPMessage(golden(t, file, m.Encode()))
		require.NoError(t, err, file)
		require.Equal(t, m, read, file)
	}
}

// part takes params or result out of a golden file.
func part(t *testing.T, file string) json.RawMessage {
	t.Helper()
	m, err := DecodeKLPMessage(load(t, file))
	require.NoError(t, err, file)
	return append(m.Params, m.Result...)
}

func TestGoldenKLPParts(t *testing.T) {
	t.Parallel()
	requirePart(t, "klp_handshake_full.json", DecodeKLPHandshake, KLPHandshake{Client: "größe", ClientVersion: "2", Protocol: []uint32{1, 2, 4294967295}, Features: []string{"push.state"}})
	requirePart(t, "contract/klp_welcome.json", DecodeKLPWelcome, KLPWelcome{
		AgentVersion: "0.43.17", Protocol: 1, Features: []string{}, Session: KLPSession{PCID: "LAB-09", SessionID: 3, User: `ACME\casey`},
	})
	requirePart(t, "klp_pong.json", DecodeKLPPong, KLPPong{AgentTime: at(2031, 3, 4, 5, 0, 30, 0)})
	requirePart(t, "klp_versions.json", DecodeKLPVersions, KLPVersions{AgentVersion: "1.0.0", TargetAgentVersion: "1.1.0"})
	requirePart(t, "klp_versions_full.json", DecodeKLPVersions, KLPVersions{AgentVersion: "1", TargetAgentVersion: "2", TargetClientVersion: "3"})
	requirePart(t, "klp_log_tail.json", DecodeKLPLogTail, KLPLogTail{Lines: 1100})
	requirePart(t, "klp_log_lines.json", DecodeKLPLogLines, KLPLogLines{Lines: []string{`a "b" <c>`, "", "ä\t"}, Truncated: true})
	requirePart(t, "klp_log_none.json", DecodeKLPLogLines, KLPLogLines{Lines: []string{}})
	requirePart(t, "klp_state.json", DecodeKLPState, klpFull)
	requirePart(t, "contract/klp_state_changed.json", DecodeKLPStateChanged, KLPStateChanged{At: at(2031, 3, 4, 5, 0, 30, 1000), Snapshot: klpState})
	requirePart(t, "contract/klp_subscription.json", DecodeKLPSubscription, KLPSubscription{ID: "sub-s-1"})
	requirePart(t, "klp_unsubscribe.json", DecodeKLPSubscription, KLPSubscription{ID: "sub-s-1"})
}

func requirePart[T interface{ Encode() []byte }](t *testing.T, file string, decode func(json.RawMessage) (T, error), want T) {
	t.Helper()
	data := part(t, file)
	got, err := decode(data)
	require.NoError(t, err, file)
	require.Equal(t, want, got, file)
	require.Equal(t, string(data), string(got.Encode()), file)
}

func TestGoldenKLPEnums(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"ok", "warn", "fail", "unknown"}, []string{KLPOK.String(), KLPWarn.String(), KLPFail.String(), KLPUnknown.String()})
	for kind, want := range map[KLPErrorKind]struct {
		code    int32
		message string
	}{
		"ParseError":        {-32700, "Parse error"},
		"InvalidRequest":    {-32600, "Invalid Request"},
		"MethodNotFound":    {-32601, "Method not found"},
		"InvalidParams":     {-32602, "Invalid params"},
		"InternalError":     {-32603, "Internal error"},
		"Unauthorized":      {-32000, "Unauthorized"},
		"NotFound":          {-32001, "Not found"},
		"AgentDisconnected": {-32002, "Agent disconnected from broker"},
		"RateLimit":         {-32003, "Rate limit exceeded"},
		"StaleProtocol":     {-32004, "Stale protocol version"},
		"PayloadTooLarge":   {-32005, "Payload too large"},
	} {
		code, message := kind.wire()
		require.Equal(t, want.code, code)
		require.Equal(t, want.message, message)
		require.Equal(t, want.code, (&KLPError{Kind: kind}).Code())
	}
}

func TestKLPErrorsOfOthers(t *testing.T) {
	t.Parallel()
	for failure, want := range map[string]KLPError{
		`{"code":-32601,"message":"Method not found"}`:                                   {KLPMethodNotFound, "Method not found"},
		`{"code":-32601,"message":"no","data":null}`:                                     {KLPMethodNotFound, "no"},
		`{"data":{"kind":"NotFound","detail":"d"},"code":1,"message":"no"}`:              {KLPNotFound, "d"},
		`{"code":5,"message":"no"}`:                                                      {KLPInternalError, "no"},
		`{"code":-32000,"message":"no","data":{"kind":"Later","detail":"d","more":[1]}}`: {"Later", "d"},
	} {
		m, err := DecodeKLPMessage([]byte(`{"jsonrpc":"2.0","id":"a","error":` + failure + `}`))
		require.NoError(t, err, failure)
		require.Equal(t, want, *m.Error, failure)
	}
	require.EqualValues(t, -32603, (&KLPError{Kind: "Later"}).Code())
}

func TestKLPEnvelope(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]KLPMessage{
		` { "method" : "a" , "jsonrpc" : "2.0" , "id" : "x" , "params" : [ 1 ] } `: {ID: `"x"`, Method: "a", Params: []byte(`[ 1 ]`)},
		`{"jsonrpc":"2.0","id":"x","method":"a","params":null,"error":null}`:       {ID: `"x"`, Method: "a"},
		`{"jsonrpc":"2.0","id":-1.5e3,"method":"a"}`:                               {ID: "-1.5e3", Method: "a"},
		`{"jsonrpc":"2.0","id":"\u0041","method":"a"}`:                             {ID: `"A"`, Method: "a"},
		`{"jsonrpc":"2.0","method":"a"}`:                                           {Method: "a"},
		`{"jsonrpc":"2.0","id":"x","method":"a","result":1}`:                       {ID: `"x"`, Result: []byte("1")},
		`{"jsonrpc":"2.0","id":null,"result":null}`:                                {},
	} {
		m, err := DecodeKLPMessage([]byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, want, m, doc)
	}
	for doc, want := range map[string]struct {
		kind KLPErrorKind
		id   KLPID
	}{
		``:                                    {KLPParseError, ""},
		`nul`:                                 {KLPParseError, ""},
		`{"jsonrpc":"2.0","jsonrpc":"2.0"}`:   {KLPParseError, ""},
		`"a" "b"`:                             {KLPParseError, ""},
		`"a"`:                                 {KLPInvalidRequest, ""},
		`{"method":"a"}`:                      {KLPInvalidRequest, ""},
		`{"id":"x","method":"a"}`:             {KLPInvalidRequest, `"x"`},
		`{"jsonrpc":"2","id":7,"method":"a"}`: {KLPInvalidRequest, "7"},
		`{"jsonrpc":"2.0","id":null,"method":"a"}`:                                    {KLPInvalidRequest, ""},
		`{"jsonrpc":"2.0","id":["x"],"method":"a"}`:                                   {KLPInvalidRequest, ""},
		`{"jsonrpc":"2.0","id":false,"result":1}`:                                     {KLPInvalidRequest, ""},
		`{"jsonrpc":"2.0","id":"x","method":""}`:                                      {KLPInvalidRequest, `"x"`},
		`{"jsonrpc":"2.0","id":"x","method":null}`:                                    {KLPInvalidRequest, `"x"`},
		`{"jsonrpc":"2.0","id":"x","error":"no"}`:                                     {KLPInvalidRequest, `"x"`},
		`{"jsonrpc":"2.0","id":"x","error":{"code":"1"}}`:                             {KLPInvalidRequest, `"x"`},
		`{"jsonrpc":"2.0","method":"a","id":"` + strings.Repeat("x", maxKLPID) + `"}`: {KLPInvalidRequest, ""},
	} {
		m, err := DecodeKLPMessage([]byte(doc))
		var failure *KLPError
		require.ErrorAs(t, err, &failure, doc)
		require.Equal(t, want.kind, failure.Kind, "%s: %v", doc, failure)
		require.Equal(t, KLPMessage{ID: want.id}, m, doc)
		require.NotEmpty(t, failure.Detail)
	}
}

func TestKLPLogLinesFit(t *testing.T) {
	t.Parallel()
	all := KLPLogLines{Lines: []string{"one", "\x01\x02", "äöü", "last"}}
	whole := len(all.Encode())
	require.Equal(t, all, all.Fitting(whole+1))
	for limit := whole + 1; limit > 0; limit-- {
		some := all.Fitting(limit)
		require.True(t, len(some.Lines) == 0 || len(some.Encode()) <= limit, "%d", limit)
		require.Equal(t, len(some.Lines) < len(all.Lines), some.Truncated)
		require.Equal(t, all.Lines[len(all.Lines)-len(some.Lines):], some.Lines, "the newest stay")
	}
	require.Equal(t, []string{"äöü", "last"}, all.Fitting(whole-10).Lines)
	require.True(t, KLPLogLines{Truncated: true}.Fitting(100).Truncated)
}

func TestKLPStateEqual(t *testing.T) {
	t.Parallel()
	require.True(t, klpFull.Equal(klpFull))
	for _, change := range []func(*KLPState){
		func(s *KLPState) { s.AgentVersion += "x" }, func(s *KLPState) { s.Online = !s.Online }, func(s *KLPState) { s.PCID += "x" },
		func(s *KLPState) { s.TargetVersion += "x" }, func(s *KLPState) { s.VPN += "x" }, func(s *KLPState) { s.Checks = s.Checks[1:] },
	} {
		other := klpFull
		change(&other)
		require.False(t, klpFull.Equal(other))
	}
}

func FuzzDecodeKLP(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeKLPMessage(data)
		if err != nil {
			var failure *KLPError
			require.ErrorAs(t, err, &failure)
			require.Less(t, len(failure.Detail), 600)
			require.True(t, json.Valid(KLPMessage{ID: m.ID, Error: failure}.Encode()))
			return
		}
		require.True(t, json.Valid(data), "accepted what is not JSON")
		written := m.Encode()
		require.True(t, json.Valid(written))
		again, err := DecodeKLPMessage(written)
		require.NoError(t, err)
		require.Equal(t, m, again)
		for _, body := range [][]byte{m.Params, m.Result} {
			requireStable(t, body, raw(DecodeKLPHandshake))
			requireStable(t, body, raw(DecodeKLPWelcome))
			requireStable(t, body, raw(DecodeKLPPong))
			requireStable(t, body, raw(DecodeKLPVersions))
			requireStable(t, body, raw(DecodeKLPLogLines))
			requireStable(t, body, raw(DecodeKLPState))
			requireStable(t, body, raw(DecodeKLPStateChanged))
			requireStable(t, body, raw(DecodeKLPSubscription))
			_ = CheckKLPNoParams(body)
		}
	})
}

func raw[T any](decode func(json.RawMessage) (T, error)) func([]byte) (T, error) {
	return func(data []byte) (T, error) { return decode(data) }
}
