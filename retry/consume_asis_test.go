package retry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// withoutCreate are roles of which the reader's may not change a consumer.
func withoutCreate(deny string) jstest.BrokerOption {
	return jstest.WithConfig(fmt.Sprintf(`
		no_auth_user: reader
		authorization { users: [
			{user: admin, password: admin},
			{user: reader, password: reader, permissions: {publish: {deny: [%s]}}},
		] }`, deny))
}

var (
	userAdmin = nats.UserInfo("admin", "admin")
	quiet     = nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
)

// The consumer stands with the filters of yesterday, and the role may not change it: what they let through comes, and the
// rest when the role may.
func TestConsumeReadsTheOldFiltersWhileTheUpdateIsDenied(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, withoutCreate(`"$JS.API.CONSUMER.CREATE.>"`))
	nc := b.Connect(quiet)
	admin := newJetStream(t, b.Connect(userAdmin))
	putStream(t, admin, workStream)
	_, err := admin.CreateConsumer(within(t), "WORK", filtered("work.a"))
	require.NoError(t, err)
	cfg := newChanging(filtered("work.a"))
	c := consume(t, newJetStream(t, nc), cfg.get, retry.WithTransport(retry.FromNATS(nc)))
	put(t, admin, "work.a", "as it should be")
	c.await("as it should be")
	require.Empty(t, c.failed(), "it is as it should be")

	cfg.set(filtered("work.a", "work.b"))
	require.Eventually(t, func() bool { return len(c.failed()) >= 3 }, generous, time.Millisecond)
	require.ErrorIs(t, c.failed()[0].Err, nats.ErrPermissionViolation)
	put(t, admin, "work.b", "later")
	for n := range 20 {
		data := fmt.Sprint("meanwhile ", n)
		put(t, admin, "work.a", data)
		c.await(data)
	}
	require.Zero(t, c.count("later"))

	b.Stop()
	b.Reconfigure(withoutCreate(`"$JS.API.STREAM.DELETE.>"`))
	b.Start()
	require.Eventually(t, func() bool {
		c, err := admin.Consumer(t.Context(), "WORK", "reader")
		return err == nil && len(c.CachedInfo().Config.FilterSubjects) == 2
	}, generous, time.Millisecond)
	put(t, admin, "work.b", "allowed")
	c.await("allowed")
	require.Zero(t, c.count("later"), "new filters count from where the consumer is")
}

// Whatever the reason is, the old filters go on, without a break, and the update is asked for less and less often.
func TestConsumeReadsTheOldFiltersWhileTheUpdateIsRefused(t *testing.T) {
	for what, refused := range map[string]error{
		"bad update":      refusal("filter subjects can not be updated"),
		"another code":    &jetstream.APIError{Code: 400, ErrorCode: 10093, Description: "consumer filter subject is not a valid subset of the interest subjects"},
		"too many":        jetstream.ErrMaximumConsumersLimit,
		"timeout":         errors.New("no answer"),
		"no leader":       &jetstream.APIError{Code: 503, ErrorCode: 10008, Description: "JetStream system temporarily unavailable"},
		"store on fire":   refusal("write " + metaFile + ": no space left on device"),
		"denied silently": nats.ErrPermissionViolation,
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := jstest.NewFake()
				s := newShop(t, fake, filtered("work.a"))
				var attempts []retry.Attempt
				publish := func(subject string) {
					_, err := s.Publish(t.Context(), subject, nil)
					require.NoError(t, err)
				}
				cfg := newChanging(filtered("work.a"))
				handled, said := s.consume(t, cfg.get, func() {
					time.Sleep(time.Minute)
					s.refuse(refused)
					cfg.set(filtered("work.a", "work.b"))
					for range 3600 {
						time.Sleep(time.Second)
						publish("work.a")
					}
					synctest.Wait()
					require.InDelta(t, 18, len(attempts), 6, "1, 2, 4 … 256, 300, 300 … s")
					publish("work.b") // too early: the consumer passes it by
					publish("work.a")
					synctest.Wait()
					s.refuse(nil)
					time.Sleep(10 * time.Minute)
					publish("work.b")
					synctest.Wait()
				}, retry.WithTransport(fake.Conn()), retry.WithOnAttempt(func(a retry.Attempt) { attempts = append(attempts, a) }))
				require.Equal(t, 3600+3, handled)
				require.ErrorIs(t, attempts[1].Err, refused)
				require.ErrorIs(t, attempts[1].Err, retry.ErrConsumerNotUpdated)
				require.NoError(t, attempts[len(attempts)-1].Err)
				require.Equal(t, 1, strings.Count(said, "level=WARN"), said)
				require.Equal(t, 1, strings.Count(said, "level=INFO"), said)
				require.Equal(t, []string{"work.a", "work.b"}, s.filters(t))
				require.Empty(t, s.deleted)
			})
		})
	}
}

// A configuration that changes while an update is refused is asked for at once: it may be one that the server takes.
func TestConsumeAsksForAChangeAtOnceWhileAnUpdateIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := jstest.NewFake()
		s := newShop(t, fake, filtered("work.a"))
		s.refusal = refusal("filter subjects can not be updated")
		cfg := newChanging(filtered("work.b"))
		var last retry.Attempt
		s.consume(t, cfg.get, func() {
			time.Sleep(time.Hour) // the pauses are 5 minutes by now
			s.refuse(nil)
			cfg.set(filtered("work.c"))
			time.Sleep(time.Second)
			synctest.Wait()
			require.Equal(t, []string{"work.c"}, s.filters(t))
			require.NoError(t, last.Err)
		}, retry.WithTransport(fake.Conn()), retry.WithOnAttempt(func(a retry.Attempt) { last = a }))
	})
}

// A consumer that settles in another way would lose messages: nothing is read from it.
func TestConsumeDoesNotReadAConsumerThatSettlesInAnotherWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := readerConfig
		other.AckPolicy = jetstream.AckNonePolicy
		s := newShop(t, jstest.NewFake(), other)
		s.refusal = refusal("ack policy can not be updated")
		handled, said := s.consume(t, retry.FixedConsumer(readerConfig), forMinutes(60))
		require.Zero(t, handled)
		require.Contains(t, said, "ack policy can not be updated")
	})
}
