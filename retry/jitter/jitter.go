package jitter

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

var source atomic.Pointer[func() float64]

// Float64 returns a number in [0, 1).
func Float64() float64 {
	if f := source.Load(); f != nil {
		return (*f)()
	}
	return rand.Float64()
}

// N returns a duration in [0, d), to the precision of a float64; 0 unless d is
// positive.
func N(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return min(time.Duration(Float64()*float64(d)), d-1)
}

// Use replaces the source until the returned function is called. It is for tests
// that run alone: the source is the whole process's. f is called from any
// goroutine.
func Use(f func() float64) (restore func()) {
	before := source.Swap(&f)
	return func() { source.Store(before) }
}
