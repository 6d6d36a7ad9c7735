// The race detector maps more than any limit.
//go:build !race

package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A section that eats the memory of its child dies with it, not with the host.
func TestAChildIsKeptFromEatingTheMemory(t *testing.T) {
	i := child(t, "eats")
	i.MaxMemory = 256 << 20
	host, err := i.Collect(t.Context())
	require.Contains(t, failures(err)["odd"], "memory")
	require.NotNil(t, host.Section("a"))
}
