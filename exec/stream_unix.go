//go:build unix

package exec

import "time"

// endBy returns when the reader has ended, which it does at the deadline at the latest.
func (s *stream) endBy(deadline time.Time) {
	if s.ended() {
		return
	}
	if err := s.file.SetReadDeadline(deadline); err != nil {
		_ = s.file.Close() // the other way to end a read
	}
	<-s.done
}
