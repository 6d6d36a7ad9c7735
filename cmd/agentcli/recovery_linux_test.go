package agentcli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSystemdRecovery(t *testing.T) {
	t.Parallel()
	for shown, want := range map[string]recovery{
		"Restart=always\nUnitFileState=enabled\n":           {starts: true, restarts: true, ended: true},
		"UnitFileState=enabled-runtime\nRestart=on-failure": {starts: true, restarts: true, ended: true},
		"Restart=no\nUnitFileState=disabled\n":              {ended: true},
		"Restart=on-abort\nUnitFileState=static\n":          {ended: true},
		"": {ended: true},
	} {
		require.Equal(t, want, systemdRecovery(shown), shown)
	}
}
