package exec

import "sync"

// Capture is a writer that keeps the beginning and the end of what is written to it, counts all of it, and never fails: the
// same bound that a run's output has, for work that is not a script. It may be written to from several goroutines.
type Capture struct {
	mu   sync.Mutex
	kept capture
	done []byte
	over bool
}

// NewCapture keeps at most limit bytes, two thirds of them from the beginning.
func NewCapture(limit int) *Capture { return &Capture{kept: capture{max: limit}} }

// Write takes all of p. After Bytes it is discarded.
func (c *Capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return len(p), nil
	}
	return c.kept.Write(p)
}

// Bytes ends the capture and returns what was kept, with a line that counts what was left out, if anything was.
func (c *Capture) Bytes() (kept []byte, truncated bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	truncated = c.kept.truncated()
	if !c.over {
		c.over = true
		c.done = c.kept.finish()
	}
	return c.done, truncated
}
