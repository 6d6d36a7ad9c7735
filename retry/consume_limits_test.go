package retry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// A pull that asks for more than the server lets anybody ask for gets no answer.
func TestConsumeKeepsToTheLimitsOfTheServer(t *testing.T) {
	t.Parallel()
	b := jstest.NewBroker(t, jstest.WithoutJetStream(), jstest.WithConfig(fmt.Sprintf(`jetstream { store_dir: %q, limits { max_request_batch: 3 } }`, t.TempDir())))
	b.Start()
	nc := b.Connect()
	js := newJetStream(t, nc)
	putStream(t, js, workStream)
	c := consume(t, js, retry.FixedConsumer(readerConfig), retry.WithTransport(retry.FromNATS(nc)))
	for n := range 20 {
		put(t, js, "work.a", fmt.Sprint(n))
	}
	c.await("19")
	require.Empty(t, c.failed())
}

// Those of a consumer that is read as it is count too.
func TestConsumeKeepsToTheLimitsOfTheConsumer(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, withoutCreate(`"$JS.API.CONSUMER.CREATE.>"`))
	admin := newJetStream(t, b.Connect(userAdmin))
	putStream(t, admin, workStream)
	limited := readerConfig
	limited.MaxRequestExpires, limited.MaxRequestBatch, limited.MaxWaiting = 2*time.Second, 2, 1
	_, err := admin.CreateConsumer(within(t), "WORK", limited)
	require.NoError(t, err)
	nc := b.Connect(quiet)
	c := consume(t, newJetStream(t, nc), retry.FixedConsumer(filtered("work.a")), retry.WithTransport(retry.FromNATS(nc)))
	for n := range 20 {
		put(t, admin, "work.a", fmt.Sprint(n))
	}
	c.await("19")
}
