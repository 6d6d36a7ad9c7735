package outbox
import ("context";"testing";"time";"github.com/nats-io/nats.go";"github.com/nats-io/nats.go/jetstream";"github.com/stretchr/testify/require";"github.com/kanade-go/kanade/retry/jstest")
type asyncPub struct{ js jetstream.JetStream }
func (a asyncPub) PublishMsg(ctx context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	f, err := a.js.PublishMsgAsync(m)
	if err != nil { return nil, err }
	select {
	case ack := <-f.Ok(): return ack, nil
	case err := <-f.Err(): return nil, err
	case <-ctx.Done(): return nil, ctx.Err()
	}
}
type nullPub struct{}
func (nullPub) PublishMsg(ctx context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) { return &jetstream.PubAck{}, nil }
func BenchmarkCmp(b *testing.B) {
	broker := jstest.StartBroker(b)
	js, err := jetstream.New(broker.Connect())
	require.NoError(b, err)
	_, err = js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "BENCH", Subjects: []string{"bench.>"}})
	require.NoError(b, err)
	var bt, s, a, n time.Duration
	for b.Loop() { bt += bareDrain(b, js); s += fullDrain(b, js); a += fullDrain(b, asyncPub{js}); n += fullDrain(b, nullPub{}) }
	r := float64(b.N*benchDrained)
	b.ReportMetric(r/bt.Seconds(), "bare/s"); b.ReportMetric(r/s.Seconds(), "sync/s"); b.ReportMetric(r/a.Seconds(), "async/s"); b.ReportMetric(r/n.Seconds(), "null/s")
}
