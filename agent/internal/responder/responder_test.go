package responder

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/supervise"
	"github.com/kanade-go/kanade/internal/logtest"
	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = time.Minute

const subject = "agents.PC-1.ping"

func run(t *testing.T, r *Responder) (stop func()) {
	t.Helper()
	g := supervise.NewGroup(context.Background(), r.Logger, supervise.Task{Name: "responder", Run: r.Run})
	return g.Stop
}

func echo(_ context.Context, request []byte) ([]byte, error) { return request, nil }

func TestRequestsOverARealBroker(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t, jstest.WithoutJetStream())
	var panics atomic.Int32
	answer := func(_ context.Context, request []byte) ([]byte, error) {
		switch string(request) {
		case "fail":
			return nil, errors.New("it\nfailed")
		case "panic":
			panics.Add(1)
			panic("lost it")
		}
		return request, nil
	}
	log := &logtest.Buffer{}
	r := &Responder{Transport: retry.FromNATS(broker.Connect()), Subject: subject, Answer: answer, Burst: 100, Every: time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))}
	defer run(t, r)()
	nc := broker.Connect()
	ask := func(data string) (reply *nats.Msg) {
		require.Eventually(t, func() (ok bool) {
			var err error
			reply, err = nc.Request(subject, []byte(data), 2*time.Second) // one that the restart swallowed is sent again
			return err == nil
		}, generous, 10*time.Millisecond)
		return reply
	}
	require.Equal(t, "hello", string(ask("hello").Data))
	reply := ask("fail")
	require.Equal(t, "it\nfailed", string(reply.Data))
	require.Equal(t, "it failed", reply.Header.Get(ErrorHeader))

	require.NoError(t, nc.PublishRequest(subject, nc.NewRespInbox(), []byte("panic")))
	require.Eventually(t, func() bool { return panics.Load() == 1 && strings.Contains(log.String(), "lost it") }, generous, time.Millisecond)
	require.Equal(t, "again", string(ask("again").Data), "a panic is not the end of it")

	broker.Restart()
	require.Equal(t, "after", string(ask("after").Data), "nor is a restart of the broker")
}

func TestRepliesGoToInboxesOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		conn, log := fake.Conn(), &logtest.Buffer{}
		r := &Responder{Transport: conn, Subject: subject, Answer: echo, Burst: 100, Every: time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))}
		stop := run(t, r)
		var got []string // read after the end
		all, err := conn.Subscribe(">", 100, func(m *nats.Msg) {
			if m.Subject != subject {
				got = append(got, m.Subject)
			}
		})
		require.NoError(t, err)
		synctest.Wait()
		for _, reply := range []string{
			"", "commands.pc.PC-2", "results.r-1", "kill.e", "$JS.API.STREAM.DELETE.EXEC", "$KV.agent_config.global", "heartbeat.PC-2", "obs.PC-1",
			"job.tail.PC-2", "notifications.all", "remote.ctrl.PC-2",
			"_INBOX.1", "_INBOX_PC-1.x.y", "_R_.abc", "my.inbox",
		} {
			require.NoError(t, conn.Publish(&nats.Msg{Subject: subject, Reply: reply}))
			synctest.Wait()
		}
		stop()
		require.NoError(t, all.Stop())
		require.Equal(t, []string{"_INBOX.1", "_INBOX_PC-1.x.y", "_R_.abc", "my.inbox"}, got)
		require.Equal(t, 1, log.Count("without a reply subject"))
		require.Equal(t, 1, log.Count("is not an inbox"), "ten of them, said once")
	})
}

// 1,000 requests at once: the burst, then one a second; the rest is dropped.
func TestAFloodIsAnsweredAtThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn, log := jstest.NewFake().Conn(), &logtest.Buffer{}
		var answers atomic.Int32
		r := &Responder{
			Transport: conn, Subject: subject, Burst: 5, Every: time.Second, Logger: slog.New(slog.NewTextHandler(log, nil)),
			Answer: func(context.Context, []byte) ([]byte, error) { answers.Add(1); return nil, nil },
		}
		stop := run(t, r)
		synctest.Wait()
		for range 1000 {
			require.NoError(t, conn.Publish(&nats.Msg{Subject: subject, Reply: "_INBOX.1"}))
		}
		synctest.Wait()
		require.EqualValues(t, 5, answers.Load())
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 15, answers.Load())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.LessOrEqual(t, answers.Load(), int32(pending+10))
		require.Equal(t, 1, log.Count("some were dropped"))

		was := answers.Load()
		require.NoError(t, conn.Publish(&nats.Msg{Subject: subject, Reply: "_INBOX.1"}))
		synctest.Wait()
		require.Equal(t, was+1, answers.Load(), "afterwards as before")
		stop()
	})
}

func TestAStopDoesNotWaitForThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := jstest.NewFake().Conn()
		r := &Responder{Transport: conn, Subject: subject, Answer: echo, Burst: 1, Every: time.Hour, Logger: slog.New(slog.DiscardHandler)}
		stop := run(t, r)
		synctest.Wait()
		for range 3 {
			require.NoError(t, conn.Publish(&nats.Msg{Subject: subject, Reply: "_INBOX.1"}))
		}
		synctest.Wait()
		began := time.Now()
		stop()
		require.Zero(t, time.Since(began))
	})
}
