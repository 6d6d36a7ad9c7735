package outbox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheNameOfAVolumeEndsWithABackslash(t *testing.T) {
	for dir, want := range map[string]string{
		`\\server\share`:     `\\server\share\`,
		`\\server\share\`:    `\\server\share\`,
		`C:\`:                `C:\`,
		`C:\kanade\outbox`:   `C:\kanade\outbox\`,
		`C:/kanade/outbox//`: `C:/kanade/outbox\`,
	} {
		require.Equal(t, want, volumePath(dir))
	}
}
