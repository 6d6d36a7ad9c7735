package retry

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

const goodLeaderReply = `{"type":"io.nats.jetstream.api.v1.stream_msg_get_response","message":{"subject":"$KV.settings.a","seq":7,` +
	`"hdrs":"TkFUUy8xLjANCktWLU9wZXJhdGlvbjogREVMDQoNCg==","data":"eA==","time":"2026-11-22T10:11:12.123456789Z"}}`

func TestALeadersReplyIsReadOrRefused(t *testing.T) {
	t.Parallel()
	m, err := readLeaderReply(&nats.Msg{Data: []byte(goodLeaderReply)})
	require.NoError(t, err)
	require.True(t, m.gone)
	require.Equal(t, "$KV.settings.a", m.subject)
	require.Equal(t, uint64(7), m.entry.Revision)
	require.Equal(t, "x", string(m.entry.Value))
	for text, want := range map[string]error{
		``: errReply, `null`: errReply, `{}`: errReply, `[]`: errReply, `{"message":null}`: errReply, `{"message":{}}`: errReply,
		`{"message":{"seq":1,"subject":"a"}}`:                                             errReply,
		`{"message":{"seq":-1,"subject":"a","time":"2026-11-22T10:11:12Z"}}`:              errReply,
		`{"message":{"seq":1,"subject":"a","time":"today"}}`:                              errReply,
		`{"message":{"seq":1,"data":"!","time":"2026-11-22T10:11:12Z"}}`:                  errReply,
		`{"message":{"seq":1,"subject":"a","hdrs":"eA==","time":"2026-11-22T10:11:12Z"}}`: errReply,
		`{"error":{"code":404,"err_code":10037}}`:                                         errNoMessage,
		`{"error":{"code":404,"err_code":10059}}`:                                         jetstream.ErrBucketNotFound,
	} {
		_, err := readLeaderReply(&nats.Msg{Data: []byte(text)})
		require.ErrorIs(t, err, want, text)
	}
	_, err = readLeaderReply(nil)
	require.ErrorIs(t, err, errReply)
	_, err = readLeaderReply(&nats.Msg{Data: []byte(`{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`)})
	var api *jetstream.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, 503, api.Code)
}

func FuzzReadLeaderReply(f *testing.F) {
	f.Add([]byte(goodLeaderReply))
	f.Add([]byte(`{"error":{"code":404,"err_code":10037}}`))
	f.Add([]byte(`{"message":{"hdrs":"TkFUUy8xLjA="}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readLeaderReply(&nats.Msg{Data: data})
		if err == nil {
			require.True(t, json.Valid(data))
			require.NotZero(t, m.entry.Revision)
			require.False(t, m.entry.Created.IsZero())
		}
	})
}
