package agent

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTheSizeOfADiskIsInItsOwnBlocks(t *testing.T) {
	require.EqualValues(t, 4096, blockSize(&unix.Statfs_t{Bsize: 1 << 20, Frsize: 4096}))
	require.EqualValues(t, 512, blockSize(&unix.Statfs_t{Bsize: 512}))
}
