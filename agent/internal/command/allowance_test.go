package command

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAllowanceIsABurstAndThenARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance(20)
		taken := func(tries int) (n int) {
			for range tries {
				if ok, _, _ := a.take(); ok {
					n++
				}
			}
			return n
		}
		require.Equal(t, 20, taken(100))
		time.Sleep(59 * time.Second)
		require.Zero(t, taken(100))
		time.Sleep(time.Second)
		require.Equal(t, 1, taken(100))
		total := 0
		for range 600 { // it does not matter how often one asks
			time.Sleep(7 * time.Second)
			total += taken(3)
		}
		require.Equal(t, 600*7/60, total)
		time.Sleep(240 * time.Hour)
		require.Equal(t, 20, taken(100), "no more than the burst comes together")
	})
}

func TestAnAllowanceTellsOfASpellOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance(20)
		var spells, sum int
		for range 20 * 60 { // one in three seconds, for an hour
			time.Sleep(3 * time.Second)
			_, began, ended := a.take()
			if began {
				spells++
			}
			sum += int(ended)
		}
		require.Equal(t, 1, spells)
		require.Zero(t, sum)
		time.Sleep(2 * time.Minute)
		allowed, _, ended := a.take()
		require.True(t, allowed)
		require.EqualValues(t, 20*60-20-60, ended)
	})
}
