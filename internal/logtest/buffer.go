package logtest

import (
	"strings"
	"sync"
)

// Buffer is read while others write. Its zero value is empty.
type Buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns all that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Count is how often text was written so far.
func (b *Buffer) Count(text string) int { return strings.Count(b.String(), text) }
