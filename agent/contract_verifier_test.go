package agent_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// signed is what the signature of a fleet covers: the time in milliseconds, eight bytes
// with the highest first, and the body as it was received.
func signed(at string, body []byte) []byte {
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return nil
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(ms)), body...)
}

// signedOnly trusts whoever has the key, by the headers that a fleet's backend sets.
type signedOnly struct{ key ed25519.PublicKey }

func (v signedOnly) Verify(_ context.Context, r agent.Received) error {
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get("Kanade-Sig"))
	if err != nil || !ed25519.Verify(v.key, signed(r.Header.Get("Kanade-Sig-At"), r.Data), signature) {
		return errors.New("no valid signature")
	}
	return nil
}

const signedAt = "1700000000000"

// The example that the releases with signatures agree on.
func TestTheSignatureOfTheFleet(t *testing.T) {
	t.Parallel()
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("\x07", ed25519.SeedSize)))
	require.Equal(t, "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=", base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)))
	body := []byte(`{"id":"job","request_id":"r1"}`)
	require.Equal(t, "fFhSx6+v1K8V+3lhuUCpdtgYTKioxbsNvmxtfEf1N07h7XVaLQltLWV2eak7nV/wrnl2+vrr4y+GAUzrWUTuAg==",
		base64.StdEncoding.EncodeToString(ed25519.Sign(key, signed(signedAt, body))))
}

// A verifier sees the headers, on every way on which a command comes.
func TestAVerifierSeesTheSignature(t *testing.T) {
	t.Parallel()
	s := newBareSite(t)
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("\x07", ed25519.SeedSize)))
	send := func(subject, id string, headers bool) {
		body, err := json.Marshal(map[string]any{"id": "job", "version": "1", "request_id": id, "shell": "hand", "script": "", "timeout_secs": 60})
		require.NoError(t, err)
		m := &nats.Msg{Subject: subject, Data: body}
		if headers {
			signature := ed25519.Sign(key, signed(signedAt, body))
			m.Header = nats.Header{"Kanade-Sig": {base64.StdEncoding.EncodeToString(signature)}, "Kanade-Sig-At": {signedAt}}
		}
		require.NoError(t, s.nc.PublishMsg(m))
		require.NoError(t, s.nc.FlushTimeout(patience))
	}
	hand := agent.WithHandler("hand", agent.HandlerFunc(func(_ context.Context, j agent.Job) error {
		_, err := j.Stdout.Write([]byte("ran"))
		return err
	}), agent.ReportInterrupted)

	send(wire.CommandsPC(pcID), "replayed", true)
	a, _ := startAgent(t, s.cfg, hand, agent.WithVerifier(signedOnly{key.Public().(ed25519.PublicKey)}))
	ready(t, a)
	require.Equal(t, "ran", s.result("replayed").Stdout)
	send(wire.CommandsAll(), "live", true)
	require.Equal(t, "ran", s.result("live").Stdout)

	send(wire.CommandsAll(), "unsigned", false)
	require.EqualValues(t, wire.ExitRefused, s.result("unsigned").ExitCode)

	send(wire.CommandsGroup("lab"), "joined", true)
	groups, err := s.js.KeyValue(t.Context(), wire.BucketAgentGroups)
	require.NoError(t, err)
	_, err = groups.Put(t.Context(), pcID, wire.AgentGroups{Groups: []string{"lab"}}.Encode())
	require.NoError(t, err)
	require.Equal(t, "ran", s.result("joined").Stdout)
	require.Positive(t, a.Status().Commands.Refused, "live, and perhaps replayed")
}
