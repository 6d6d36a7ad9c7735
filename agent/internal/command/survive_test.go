package command

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

// panickyEvents panic at everything that a run reports.
type panickyEvents struct{ *fakeEvents }

func (panickyEvents) Started(context.Context, wire.Command, time.Time)   { panic("started") }
func (panickyEvents) Emit(context.Context, wire.Command, string) bool    { panic("emit") }
func (panickyEvents) Observe(context.Context, string, map[string]string) {}

func TestEventsThatPanicTakeNothingFromARun(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, b *bench) {
		b.service.perform.events = panickyEvents{b.events}
		c := request("r")
		c.Emit = &wire.EmitConfig{}
		b.send(c)
		r := b.result("r")
		require.Zero(t, r.ExitCode)
		require.Equal(t, "ran r", r.Stdout, "what could not be stored apart stays in the result")
		require.Equal(t, []string{"r"}, b.starts())
	})
}

func TestASinkThatPanicsGetsTheResultAgain(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, b *bench) {
		var puts atomic.Int64
		b.service.perform.sink = sinkFunc(func(ctx context.Context, r outbox.Record) error {
			if puts.Add(1) < 3 {
				panic("sink")
			}
			return b.sink.Put(ctx, r)
		})
		b.send(request("r"))
		time.Sleep(time.Minute) // of the bubble's time: the pauses between the attempts
		require.Equal(t, "ran r", b.result("r").Stdout)
		require.EqualValues(t, 3, puts.Load())
		require.Equal(t, []string{"r"}, b.starts(), "it is not run again for that")
	})
}
