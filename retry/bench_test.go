package retry

import (
	"context"
	"testing"
	"time"
)

// BenchmarkSuccess compares a call through Forever that succeeds at once with the bare call, the bare call under a deadline
// of its own (which a careful caller would pay for anyway), and Forever behind a connected Transport.
func BenchmarkSuccess(b *testing.B) {
	op := func(context.Context) (int, error) { return 1, nil }
	run := func(name string, call func(ctx context.Context) (int, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := call(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("bare", op)
	run("bare with deadline", func(ctx context.Context) (int, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return op(ctx)
	})
	run("Forever", func(ctx context.Context) (int, error) { return Forever(ctx, "thing", op) })
	connected := WithTransport(newWire(true))
	run("Forever with Transport", func(ctx context.Context) (int, error) { return Forever(ctx, "thing", op, connected) })
}
