package command

import (
	"testing"

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
