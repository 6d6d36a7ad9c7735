package retry_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
)

// dropping is a connection whose subscription has lost messages.
type dropping struct {
	retry.Transport
	handle func(*nats.Msg)
	lost   int
}

func (d *dropping) State() (bool, <-chan struct{}) { return true, nil }

func (d *dropping) Subscribe(_ string, _ int, h func(*nats.Msg)) (retry.Subscription, error) {
	d.handle = h
	return d, nil
}

func (d *dropping) Dropped() int                { return d.lost }
func (d *dropping) Stop() error                 { return nil }
func (d *dropping) Drain(context.Context) error { return nil }

// Nobody knows which keys the lost messages were about. There are always messages behind those that were dropped: the
// buffer was full.
func TestHintsThatWereDroppedStandForAnyKey(t *testing.T) {
	t.Parallel()
	conn := &dropping{}
	var heard []string
	hints, err := retry.NewKVReader(conn).HintKV(t.Context(), "b", []string{">"}, func(key string) { heard = append(heard, key) })
	require.NoError(t, err)
	write := func(key string) { conn.handle(&nats.Msg{Subject: "$KV.b." + key}) }
	write("a")
	conn.lost = 3
	write("b")
	write("c")
	conn.lost = 4
	write("d")
	require.Equal(t, []string{"a", "", "b", "c", "", "d"}, heard)
	require.NoError(t, hints.Stop())
}
