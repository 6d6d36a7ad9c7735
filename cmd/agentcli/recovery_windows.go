package agentcli

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// serviceRecovery asks the service control manager, with no more rights than it
// takes to look.
func serviceRecovery(_ context.Context, name string) (recovery, error) {
	managers, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return recovery{}, fmt.Errorf("open service manager: %w", err)
	}
	defer func() { _ = windows.CloseServiceHandle(managers) }() // only read
	service, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return recovery{}, err
	}
	handle, err := windows.OpenService(managers, service, windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		return recovery{}, fmt.Errorf("open service %s: %w", name, err)
	}
	s := &mgr.Service{Name: name, Handle: handle}
	defer func() { _ = s.Close() }() // only read
	return queryRecovery(s)
}

func queryRecovery(s *mgr.Service) (recovery, error) {
	config, err := queryConfig(s)
	if err != nil {
		return recovery{}, err
	}
	actions, err := s.RecoveryActions()
	if err != nil {
		return recovery{}, fmt.Errorf("recovery of service %s: %w", s.Name, err)
	}
	ended, err := s.RecoveryActionsOnNonCrashFailures()
	if err != nil {
		return recovery{}, fmt.Errorf("failure flag of service %s: %w", s.Name, err)
	}
	restarts := slices.ContainsFunc(actions, func(a mgr.RecoveryAction) bool { return a.Type == mgr.ServiceRestart })
	return recovery{starts: config.start == mgr.StartAutomatic, restarts: restarts, ended: ended}, nil
}
