package klp

import (
	"os"
	"os/user"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

func ownSession(t testing.TB) uint32 {
	t.Helper()
	var session uint32
	require.NoError(t, windows.ProcessIdToSessionId(uint32(os.Getpid()), &session))
	return session
}

func ownName(t testing.TB) string {
	t.Helper()
	u, err := user.Current()
	require.NoError(t, err)
	return u.Username
}
