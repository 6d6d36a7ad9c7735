package klp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

const (
	hello = `{"jsonrpc":"2.0","id":"q1","method":"system.handshake","params":{"client":"acme-tray","client_version":"2.0.1","protocol":[1]}}`

	checks = `[{"detail":"up to date","name":"agent_self_update","status":"ok"},` +
		`{"detail":"50.0% free (50.0 GB / 100.0 GB)","name":"disk_free","status":"ok"},` +
		`{"detail":"not checked","name":"bitlocker","status":"unknown"},` +
		`{"detail":"not checked","name":"av_signature","status":"unknown"},` +
		`{"detail":"not checked","name":"cert_expiry","status":"unknown"}]`
	state = `{"agent_version":"0.43.17","checks":` + checks + `,"online":true,"pc_id":"LAB-09","target_version":"0.43.17","vpn":"unknown"}`
)

func failed(id, kind, message string, code int, detail string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"%s","data":{"kind":"%s","detail":"%s"}}}`, id, code, message, kind, detail)
}

// Every method in the bytes that go over the wire, on one connection.
func TestConversation(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Log = logFunc(func(lines uint32, _ int64) ([]string, error) {
		return []string{fmt.Sprintf("%d lines asked for", lines), `"quoted" <ä>`}, nil
	})
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path)
	defer c.close()
	for _, row := range []struct{ say, hear string }{
		{`{"jsonrpc":"2.0","id":"a","method":"system.ping"}`, failed(`"a"`, "InvalidRequest", "Invalid Request", -32600, "system.handshake comes first")},
		{`{"jsonrpc":"2.0","id":"a","method":"system.log_tail"}`, failed(`"a"`, "InvalidRequest", "Invalid Request", -32600, "system.handshake comes first")},
		{hello, fmt.Sprintf(`{"jsonrpc":"2.0","id":"q1","result":{"agent_version":"0.43.17","features":[],"protocol":1,"session":{"pc_id":"LAB-09","session_id":%d,"user":%q}}}`, ownSession(t), ownName(t))},
		{`{"jsonrpc":"2.0","id":"q2","method":"system.ping","params":null}`, `{"jsonrpc":"2.0","id":"q2","result":{"agent_time":"2031-03-04T12:00:00.000001Z"}}`},
		{`{"jsonrpc":"2.0","id":"q3","method":"system.version","params":{}}`, `{"jsonrpc":"2.0","id":"q3","result":{"agent_version":"0.43.17","target_agent_version":"0.43.17"}}`},
		{`{"jsonrpc":"2.0","id":"q4","method":"system.log_tail"}`, `{"jsonrpc":"2.0","id":"q4","result":{"lines":["200 lines asked for","\"quoted\" <ä>"],"truncated":false}}`},
		{`{"jsonrpc":"2.0","id":"q4","method":"system.log_tail","params":{"lines":1001}}`, `{"jsonrpc":"2.0","id":"q4","result":{"lines":["1000 lines asked for","\"quoted\" <ä>"],"truncated":true}}`},
		{`{"jsonrpc":"2.0","id":"q5","method":"state.snapshot"}`, `{"jsonrpc":"2.0","id":"q5","result":` + state + `}`},
		{`{"jsonrpc":"2.0","id":"q6","method":"state.subscribe"}`, `{"jsonrpc":"2.0","id":"q6","result":{"subscription":"sub-s-1"}}`},
		{`{"jsonrpc":"2.0","id":"q7","method":"state.subscribe"}`, `{"jsonrpc":"2.0","id":"q7","result":{"subscription":"sub-s-2"}}`},
		{`{"jsonrpc":"2.0","id":"q8","method":"state.unsubscribe","params":{"subscription":"sub-s-1"}}`, `{"jsonrpc":"2.0","id":"q8","result":null}`},
		{`{"jsonrpc":"2.0","id":"q8","method":"state.unsubscribe","params":{"subscription":"sub-s-1"}}`, failed(`"q8"`, "NotFound", "Not found", -32001, "no such subscription: sub-s-1")},
		{`{"jsonrpc":"2.0","id":"q9","method":"jobs.list"}`, failed(`"q9"`, "MethodNotFound", "Method not found", -32601, "not served: jobs.list")},
		{`{"jsonrpc":"2.0","id":7,"method":"system.ping"}`, `{"jsonrpc":"2.0","id":7,"result":{"agent_time":"2031-03-04T12:00:00.000001Z"}}`},
		{hello, fmt.Sprintf(`{"jsonrpc":"2.0","id":"q1","result":{"agent_version":"0.43.17","features":[],"protocol":1,"session":{"pc_id":"LAB-09","session_id":%d,"user":%q}}}`, ownSession(t), ownName(t))},
	} {
		require.Equal(t, row.hear, c.ask(row.say), row.say)
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path)
	defer c.close()
	for params, kind := range map[string]wire.KLPErrorKind{
		``:                                    wire.KLPInvalidParams,
		`[]`:                                  wire.KLPInvalidParams,
		`{}`:                                  wire.KLPInvalidParams,
		`{"client":"a","client_version":"1"}`: wire.KLPInvalidParams,
		`{"client":"a","client_version":"1","protocol":[]}`:        wire.KLPInvalidParams,
		`{"client":"a","client_version":"1","protocol":[-1]}`:      wire.KLPInvalidParams,
		`{"client":"a","client_version":"1","protocol":["1"]}`:     wire.KLPInvalidParams,
		`{"client":null,"client_version":"1","protocol":[1]}`:      wire.KLPInvalidParams,
		`{"client":"a","client_version":"1","protocol":[2,3]}`:     wire.KLPStaleProtocol,
		`{"client":"a","client_version":"1","protocol":[0,10,11]}`: wire.KLPStaleProtocol,
	} {
		require.Equal(t, kind, c.kind(wire.KLPHandshakeMethod, []byte(params)), params)
		require.Equal(t, wire.KLPInvalidRequest, c.kind(wire.KLPPingMethod, nil), "still locked")
	}
	result, err := c.call(wire.KLPHandshakeMethod, []byte(`{"client":"a","client_version":"1","protocol":[1,2,3],"features":["push.state"],"session":{"user":"root"}}`))
	require.NoError(t, err)
	welcome, err := wire.DecodeKLPWelcome(result)
	require.NoError(t, err)
	require.Equal(t, wire.KLPWelcome{
		AgentVersion: "0.43.17", Features: []string{}, Protocol: 1,
		Session: wire.KLPSession{PCID: "LAB-09", SessionID: ownSession(t), User: ownName(t)},
	}, welcome, "who it is says the system")
	_, err = c.call(wire.KLPPingMethod, nil)
	require.NoError(t, err)
}

func TestParamsThatDoNotFit(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	for _, method := range []string{wire.KLPPingMethod, wire.KLPVersionMethod, wire.KLPLogTailMethod, wire.KLPStateSnapshotMethod, wire.KLPStateSubscribeMethod} {
		for _, params := range []string{`[]`, `7`, `"x"`, `true`} {
			require.Equal(t, wire.KLPInvalidParams, c.kind(method, []byte(params)), method)
		}
		_, err := c.call(method, []byte(`{"later":[1]}`))
		require.NoError(t, err, "%s: keys of newer clients are ignored", method)
	}
	for _, params := range []string{``, `{}`, `[]`, `{"subscription":1}`, `{"subscription":null}`} {
		require.Equal(t, wire.KLPInvalidParams, c.kind(wire.KLPStateUnsubscribeMethod, []byte(params)), params)
	}
	for _, params := range []string{`{"lines":null}`, `{"lines":-1}`, `{"lines":"1"}`, `{"lines":4294967296}`, `{"lines":1.5}`} {
		require.Equal(t, wire.KLPInvalidParams, c.kind(wire.KLPLogTailMethod, []byte(params)), params)
	}
}

// Whatever comes, a request with an id is answered and the connection goes on.
func TestFramesThatAreNoRequests(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	for body, want := range map[string]string{
		``:                                     `"id":null,"error":{"code":-32700`,
		`x`:                                    `"id":null,"error":{"code":-32700`,
		`{"jsonrpc":"2.0","id":"a"`:            `"id":null,"error":{"code":-32700`,
		`{"jsonrpc":"2.0","method":"a"}x`:      `"id":null,"error":{"code":-32700`,
		"{\"jsonrpc\":\"2.0\",\"a\":\"\xff\"}": `"id":null,"error":{"code":-32700`,
		strings.Repeat(`[`, 4096):              `"id":null,"error":{"code":-32700`,
		`[]`:                                   `"id":null,"error":{"code":-32600`,
		`[{"jsonrpc":"2.0","id":"a","method":"system.ping"}]`: `"id":null,"error":{"code":-32600`,
		`7`:                                 `"id":null,"error":{"code":-32600`,
		`{}`:                                `"id":null,"error":{"code":-32600`,
		`null`:                              `"id":null,"error":{"code":-32600`,
		`{"id":"a","method":"system.ping"}`: `"id":"a","error":{"code":-32600`,
		`{"jsonrpc":"1.0","id":"a","method":"system.ping"}`:                                 `"id":"a","error":{"code":-32600`,
		`{"jsonrpc":2.0,"id":"a","method":"system.ping"}`:                                   `"id":"a","error":{"code":-32600`,
		`{"JSONRPC":"2.0","id":"a","method":"system.ping"}`:                                 `"id":"a","error":{"code":-32600`,
		`{"jsonrpc":"2.0","id":null,"method":"system.ping"}`:                                `"id":null,"error":{"code":-32600`,
		`{"jsonrpc":"2.0","id":{},"method":"system.ping"}`:                                  `"id":null,"error":{"code":-32600`,
		`{"jsonrpc":"2.0","id":true,"method":"system.ping"}`:                                `"id":null,"error":{"code":-32600`,
		`{"jsonrpc":"2.0","id":"a"}`:                                                        `"id":"a","error":{"code":-32600`,
		`{"jsonrpc":"2.0","id":"a","method":7}`:                                             `"id":"a","error":{"code":-32600`,
		`{"jsonrpc":"2.0","id":"` + strings.Repeat("i", 2000) + `","method":"system.ping"}`: `"id":null,"error":{"code":-32600`,
		`{"jsonrpc":"2.0","id":1e99,"method":"system.nothing"}`:                             `"id":1e99,"error":{"code":-32601`,
		`{"jsonrpc":"2.0","id":"","method":"system.nothing"}`:                               `"id":"","error":{"code":-32601`,
		`{"jsonrpc":"2.0","id":"a","method":"` + strings.Repeat("m", 1000) + `"}`:           `"id":"a","error":{"code":-32601`,
	} {
		answer := c.ask(body)
		require.Contains(t, answer, want, body)
		require.Less(t, len(answer), 600, "%s", body)
	}
	for _, silent := range []string{
		`{"jsonrpc":"2.0","method":"state.subscribe"}`, `{"jsonrpc":"2.0","method":"nothing"}`,
		`{"jsonrpc":"2.0","id":"a","result":1}`, `{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}`,
	} {
		c.send(silent)
		_, err := c.call(wire.KLPPingMethod, nil)
		require.NoError(t, err, "the next frame answers the next request")
	}
}

func TestAFrameThatIsTooLarge(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	_, err := c.call(wire.KLPPingMethod, []byte(`{"x":"`+strings.Repeat("y", wire.KLPMaxBody-100)+`"}`))
	require.NoError(t, err, "just below the limit")
	c.write([]byte{1, 0, 16, 0}) // 1 MiB + 1
	said := c.requireEnd()
	require.Len(t, said, 1)
	require.Contains(t, said[0], `"id":null,"error":{"code":-32005,"message":"Payload too large"`)
}

func TestSnapshotFollowsTheHost(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	host := newHost()
	cfg.Host = host
	start(t, cfg)
	c := dial(t, cfg.Endpoint.Path).handshake()
	defer c.close()
	host.set(func(h *fakeHost) { h.online, h.target, h.free = false, "0.42.0", 7<<30 })
	require.Eventually(t, func() bool {
		result, err := c.call(wire.KLPStateSnapshotMethod, nil)
		require.NoError(t, err)
		s, err := wire.DecodeKLPState(result)
		require.NoError(t, err)
		return !s.Online && s.TargetVersion == "0.42.0" && len(s.Checks) == 5 && s.Checks[0].Status == wire.KLPWarn &&
			strings.Contains(s.Checks[0].Detail, "restart pending") && s.Checks[1].Detail == "7.0% free (7.0 GB / 100.0 GB)"
	}, generous, 1)
	result, err := c.call(wire.KLPVersionMethod, nil)
	require.NoError(t, err)
	v, err := wire.DecodeKLPVersions(result)
	require.NoError(t, err)
	require.Equal(t, wire.KLPVersions{AgentVersion: "0.43.17", TargetAgentVersion: "0.42.0"}, v)
}

func TestDiskCheck(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		free, total uint64
		err         error
		want        wire.KLPCheckStatus
	}{
		{10, 100, nil, wire.KLPOK},
		{999, 10_000, nil, wire.KLPWarn},
		{5, 100, nil, wire.KLPWarn},
		{499, 10_000, nil, wire.KLPFail},
		{0, 100, nil, wire.KLPFail},
		{0, 0, nil, wire.KLPUnknown},
		{9, 10, errors.New("broken"), wire.KLPUnknown},
	} {
		c := diskCheck(space{row.free, row.total, row.err})
		require.Equal(t, row.want, c.Status, "%v", row)
		require.NotEmpty(t, c.Detail)
	}
	require.Equal(t, "12.5% free (1.2 GB / 10.0 GB)", diskCheck(space{free: 5 << 28, total: 10 << 30}).Detail)
}
