package outbox

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPutBesideDrain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := openBox(t, dir)
	var s stream
	startDrain(t, box, &s)
	const writers, each = 8, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				require.NoError(t, box.Put(t.Context(), record(fmt.Sprintf("%d-%d", w, i))))
			}
		})
	}
	wg.Wait()
	drained(t, box)
	require.Len(t, s.data(), writers*each)
	require.Empty(t, files(t, dir))
	require.Equal(t, Stats{Put: writers * each, Sent: writers * each}, counts(box))
}

func TestOneDrainAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		stop := startDrain(t, box, &stream{})
		synctest.Wait()
		require.ErrorIs(t, box.Drain(t.Context(), &stream{}), ErrDraining)
		_, err := box.Flush(t.Context(), &stream{})
		require.ErrorIs(t, err, ErrDraining)
		stop()
		_, err = box.Flush(t.Context(), &stream{})
		require.NoError(t, err)
		startDrain(t, box, &stream{})
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := openBox(t, t.TempDir())
		put(t, box, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, box.Drain(ctx, publisherFunc(swallow)))
		require.Equal(t, Stats{Pending: 1, Put: 1}, counts(box), "the end of the drain is nobody's failure")
	})
}

func TestCloseEndsADrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := openBox(t, dir)
		put(t, box, "a")
		ended := make(chan error, 1)
		go func() { ended <- box.Drain(t.Context(), publisherFunc(swallow)) }()
		synctest.Wait()
		require.NoError(t, box.Close())
		require.ErrorIs(t, <-ended, ErrClosed)

		require.ErrorIs(t, box.Put(t.Context(), record("b")), ErrClosed)
		require.ErrorIs(t, box.Drain(t.Context(), &stream{}), ErrClosed)
		_, err := box.Flush(t.Context(), &stream{})
		require.ErrorIs(t, err, ErrClosed)
		require.ErrorIs(t, box.Close(), ErrClosed)
		require.Equal(t, 1, openBox(t, dir).Stats().Pending)
	})
}
