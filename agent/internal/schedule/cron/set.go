package cron

import "math/bits"

// set is numbers from 0 to 63.
type set uint64

func (s *set) add(item string, f field) error {
	found, err := f.span(item)
	if err != nil {
		return err
	}
	for n := found.from; n <= found.to; n += found.step {
		*s |= 1 << n
	}
	return nil
}

func (s set) has(n int) bool { return s>>n&1 != 0 }

// from is the least element that is not below n.
func (s set) from(n int) (int, bool) {
	rest := s >> n << n
	return bits.TrailingZeros64(uint64(rest)), rest != 0
}

// upTo is the greatest element that is not above n; there is none below 0.
func (s set) upTo(n int) (int, bool) {
	if n < 0 {
		return 0, false
	}
	rest := s << (63 - n) >> (63 - n)
	return bits.Len64(uint64(rest)) - 1, rest != 0
}

func (s set) first() int { n, _ := s.from(0); return n }

func (s set) last() int { n, _ := s.upTo(63); return n }

const (
	minYear = 1
	maxYear = 5000
)

// years is numbers from minYear to maxYear.
type years [maxYear/64 + 1]uint64

func (y *years) add(item string, f field) error {
	found, err := f.span(item)
	if err != nil {
		return err
	}
	for n := found.from; n <= found.to; n += found.step {
		y[n/64] |= 1 << (n % 64)
	}
	return nil
}

func (y *years) has(n int) bool { return y[n/64]>>(n%64)&1 != 0 }
