package command

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func come(turn chan struct{}) bool {
	select {
	case <-turn:
		return true
	default:
		return false
	}
}

func TestSlotsGoToWhomAskedFirst(t *testing.T) {
	t.Parallel()
	s := newSlots(2)
	var turns []chan struct{}
	for range 6 {
		turns = append(turns, s.ask())
	}
	states := func() (out []bool) {
		for _, turn := range turns {
			out = append(out, come(turn))
		}
		return out
	}
	require.Equal(t, []bool{true, true, false, false, false, false}, states())
	s.leave(turns[3]) // gives up while it waits
	require.Equal(t, []bool{true, true, false, false, false, false}, states())
	s.leave(turns[1])
	require.Equal(t, []bool{true, true, true, false, false, false}, states())
	s.leave(turns[2]) // before it looked: the slot goes on
	require.Equal(t, []bool{true, true, true, false, true, false}, states())
	for _, i := range []int{0, 4, 5} {
		s.leave(turns[i])
	}
	require.True(t, come(s.ask()))
	require.True(t, come(s.ask()))
	require.False(t, come(s.ask()), "as many as there were at first")
}

func TestSlotsThatBecomeMoreOrFewer(t *testing.T) {
	t.Parallel()
	s := newSlots(1)
	var turns []chan struct{}
	for range 5 {
		turns = append(turns, s.ask())
	}
	came := func() (n int) {
		for _, turn := range turns {
			if come(turn) {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, came())
	s.resize(3)
	require.Equal(t, 3, came(), "at once")
	require.False(t, s.tryTake())
	s.resize(1)
	require.Equal(t, 3, came(), "nobody loses one")
	require.Equal(t, 1, s.size())
	s.leave(turns[0])
	s.leave(turns[1])
	require.Equal(t, 3, came(), "one is still taken, and that is all there are")
	s.leave(turns[2])
	require.Equal(t, 4, came())
	s.leave(turns[3])
	s.leave(turns[4])
	require.True(t, s.tryTake())
	s.resize(0)
	ended, end := context.WithCancel(context.Background())
	end()
	require.False(t, s.take(ended))
	s.giveBack()
	require.False(t, s.tryTake())
}

func TestWhoWaitsForASlotMayGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		require.True(t, s.take(t.Context()))
		ctx, end := context.WithCancel(t.Context())
		var first, second bool
		go func() { first = s.take(ctx) }()
		synctest.Wait()
		go func() { second = s.take(t.Context()) }()
		synctest.Wait()
		end()
		synctest.Wait()
		require.False(t, first)
		require.False(t, second)
		s.giveBack()
		synctest.Wait()
		require.True(t, second)
		require.Empty(t, s.line)
	})
}
