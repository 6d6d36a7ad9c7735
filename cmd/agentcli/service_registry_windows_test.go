package agentcli

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kardianos/service"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// The real service control manager, with a name that no other service has.
func TestServiceControlManager(t *testing.T) {
	r := scmRegistry{name: "KanadeAgentTest" + strings.ReplaceAll(t.Name(), "/", "_")}
	_ = r.open(func(_ *mgr.Mgr, s *mgr.Service) error { // what a run that was killed has left
		if s == nil {
			return nil
		}
		return s.Delete()
	})
	_, err := r.CommandLine(t.Context())
	require.ErrorIs(t, err, service.ErrNotInstalled)
	d := serviceDefinition{
		Name: r.name, DisplayName: "Kanade test", Description: "A test.",
		Program: `C:\Program Files\kanade\kanade-agent.exe`, Arguments: serviceArguments(nil, `C:\with space\agent.toml`), Config: `C:\with space\agent.toml`,
	}
	changed, err := r.Register(t.Context(), d)
	require.NoError(t, err)
	require.Contains(t, changed, major("service created; it starts with the host"))
	defer func() {
		_, err := r.Unregister(t.Context())
		require.NoError(t, err)
		_, err = r.CommandLine(t.Context())
		require.True(t, errors.Is(err, service.ErrNotInstalled) || errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE), "%v", err)
	}()

	line, err := r.CommandLine(t.Context())
	require.NoError(t, err)
	require.Equal(t, append([]string{d.Program}, d.Arguments...), line, "a path with a space is one word")
	require.Equal(t, d.Config, configOf(line))
	asked := true // Wine sets recovery, and cannot be asked
	require.NoError(t, r.open(func(_ *mgr.Mgr, s *mgr.Service) error {
		actions, err := s.RecoveryActions()
		if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
			asked = false
			return nil
		}
		require.NoError(t, err)
		require.Equal(t, scmRecovery, actions)
		period, err := s.ResetPeriod()
		require.NoError(t, err)
		require.EqualValues(t, scmResetPeriod, period)
		found, err := serviceRecovery(t.Context(), r.name)
		require.NoError(t, err)
		require.Equal(t, recovery{starts: true, restarts: true, ended: true}, found)
		return nil
	}))

	changed, err = r.Register(t.Context(), d)
	require.NoError(t, err)
	require.Empty(t, changed, "a second install has nothing to do")

	d.Program = `C:\other\agent.exe`
	changed, err = r.Register(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []change{major(`service updated; before, it ran: "C:\Program Files\kanade\kanade-agent.exe" run --config "C:\with space\agent.toml"`)}, changed)

	// Someone has taken the recovery away: it comes back, and nothing is restarted for it.
	require.NoError(t, r.open(func(_ *mgr.Mgr, s *mgr.Service) error {
		if asked {
			require.NoError(t, s.SetRecoveryActionsOnNonCrashFailures(false))
		}
		return s.ResetRecoveryActions()
	}))
	changed, err = r.Register(t.Context(), d)
	require.NoError(t, err)
	if asked {
		require.Equal(t, []change{minor("it is restarted when it fails"), minor("also when it ends with an error and did not crash")}, changed)
	}
}

func TestTheSameCommandLine(t *testing.T) {
	t.Parallel()
	line := scmLine(serviceDefinition{Program: `C:\Program Files\Kanade\kanade-agent.exe`, Arguments: serviceArguments(nil, `C:\ProgramData\Kanade\config\agent.toml`)})
	for other, want := range map[string]bool{
		line: true,
		`"C:\Program Files\Kanade\kanade-agent.exe" run --config "C:\ProgramData\Kanade\config\agent.toml"`: true,  // as the installer writes it
		`C:\Program Files\Kanade\kanade-agent.exe run --config C:\ProgramData\Kanade\config\agent.toml`:     false, // runs C:\Program.exe, if there is one
		`"C:\Program Files\Kanade\kanade-agent.exe" run`:                                                    false,
		"": false,
	} {
		require.Equal(t, want, sameLine(other, line), other)
	}
}

// What they are worth only Windows can show: Wine keeps Unix modes instead.
func TestAccessRightsAreSet(t *testing.T) {
	dir := t.TempDir()
	file := writeFile(t, "token", "x")
	require.NoError(t, closeFolder(dir))
	require.NoError(t, closeFile(file))
	for _, access := range []string{folderAccess, fileAccess} {
		descriptor, err := windows.SecurityDescriptorFromString(access)
		require.NoError(t, err)
		require.Equal(t, access, descriptor.String())
	}
	require.NoError(t, os.WriteFile(file, []byte("y"), 0o600), "who closed it still writes it")
}
