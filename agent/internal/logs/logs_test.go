package logs

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/responder"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = time.Minute

// serve answers for PC-1 until the test ends, and returns a backend that asks.
func serve(t *testing.T, broker *jstest.Broker, file string) *nats.Conn {
	t.Helper()
	s := New(Config{PCID: "PC-1", File: file, Transport: retry.FromNATS(broker.Connect()), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); tasks.Wait() })
	return broker.Connect()
}

// ask asks until somebody listens.
func ask(t *testing.T, nc *nats.Conn, request string) *nats.Msg {
	t.Helper()
	var reply *nats.Msg
	require.Eventually(t, func() (ok bool) {
		var err error
		reply, err = nc.Request("logs.fetch.PC-1", []byte(request), generous)
		return err == nil
	}, generous, 10*time.Millisecond)
	return reply
}

func TestFetchOverARealBroker(t *testing.T) {
	t.Parallel()
	lines := strings.Repeat("a line\n", 1000)
	nc := serve(t, jstest.StartBroker(t, jstest.WithoutJetStream()), filepath.Join(folder(t, map[string]string{"agent.2026-01-31.log": lines}), "agent.log"))
	for request, want := range map[string]int{
		`{"tail_lines":3}`: 3, `{}`: 500, ``: 500, `junk`: 500, `null`: 500, `{"tail_lines":-1}`: 500, `{"tail_lines":0}`: 0,
		`{"tail_lines":4294967295}`: 1000,
	} {
		reply := ask(t, nc, request)
		require.Equal(t, strings.Repeat("a line\n", want), string(reply.Data), request)
		require.Empty(t, reply.Header.Get(responder.ErrorHeader))
	}
	reply := ask(t, nc, `{"tail_lines":1,"x":"`+strings.Repeat("y", maxRequest)+`"}`)
	require.Regexp(t, `^logs\.fetch: the request has \d+ bytes; at most 65536 are read`, string(reply.Data))
	require.Equal(t, string(reply.Data), reply.Header.Get(responder.ErrorHeader))
}

func TestAReplyFitsTheBroker(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	long := strings.Repeat("ä", 1<<20) + "\n"
	file := filepath.Join(folder(t, map[string]string{"agent.2026-01-31.log": long}), "agent.log")
	reply := ask(t, serve(t, jstest.StartBroker(t, jstest.WithoutJetStream(), jstest.WithMaxPayload(limit)), file), `{}`)
	require.Equal(t, strings.Repeat("ä", limit/2-1)+"\n", string(reply.Data))
	reply = ask(t, serve(t, jstest.StartBroker(t, jstest.WithoutJetStream()), file), `{}`)
	require.Equal(t, strings.Repeat("ä", wire.MaxLogReply/2-1)+"\n", string(reply.Data))
}

func TestNoLogIsAnError(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream())
	reply := ask(t, serve(t, broker, ""), `{}`)
	require.Equal(t, "logs.fetch: this host keeps no log file: log.path is not set, or keep_days is 0", string(reply.Data))
	require.NotEmpty(t, reply.Header.Get(responder.ErrorHeader))
}

func FuzzAnswer(f *testing.F) {
	s := New(Config{PCID: "PC-1", File: filepath.Join(folder(f, map[string]string{"agent.2026-01-31.log": "a\nb\n"}), "agent.log"), Logger: slog.New(slog.DiscardHandler)})
	for _, seed := range []string{``, `{}`, `{"tail_lines":1}`, `{"tail_lines":1e3}`, `[`, `null`, `{"tail_lines":99999999999999999999}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		text, err := s.answer(t.Context(), request)
		if len(request) > maxRequest {
			require.ErrorContains(t, err, "logs.fetch: ")
			return
		}
		require.NoError(t, err)
		require.Contains(t, []string{"", "b\n", "a\nb\n"}, string(text))
	})
}
