//go:build unix

package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestASecretThatOthersCanRead(t *testing.T) {
	t.Parallel()
	b := jstest.StartBroker(t, jstest.WithConfig(`authorization { token: sesame }`))
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("sesame"), 0o600))
	require.NoError(t, os.Chmod(file, 0o644))
	cfg := configFor(t, b.URL())
	cfg.Broker.Credentials = natskit.Login{TokenFile: file}
	found := onlyBroker(t.Context(), cfg)
	require.Equal(t, OK, find(t, found, "broker").Level)
	require.Equal(t, Warn, find(t, found, "credentials").Level)
	require.Contains(t, find(t, found, "credentials").Text, file)
	require.NotContains(t, find(t, found, "credentials").Text, "sesame")

	cfg.Broker.Credentials = natskit.Login{TokenFile: file + "-no"}
	found = onlyBroker(t.Context(), cfg)
	require.Equal(t, Fail, find(t, found, "credentials").Level)
	require.Contains(t, find(t, found, "credentials").Text, file+"-no")
}
