//go:build race

package agent

// racing: the race detector shuffles what the scheduler runs next.
const racing = true
