package agentcli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

func newHostService(c *service.Config) (service.Service, error) {
	return service.New(new(program), c)
}

func newRegistry(_ service.Service, c *service.Config) serviceRegistry {
	return scmRegistry{name: c.Name}
}

// scmRegistry is the database of the service control manager.
type scmRegistry struct{ name string }

// Recovery: soon at first, since an update ends the process too; the last one is for
// all that follow. After a day without a failure it starts over.
var scmRecovery = []mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 15 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 60 * time.Second},
}

const scmResetPeriod = 24 * 60 * 60 // s

func (r scmRegistry) Register(_ context.Context, d serviceDefinition) (changed []change, err error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	err = r.open(func(m *mgr.Mgr, s *mgr.Service) error {
		if s == nil {
			created, err := m.CreateService(r.name, d.Program, mgr.Config{
				DisplayName: d.DisplayName, Description: d.Description, StartType: mgr.StartAutomatic,
			}, d.Arguments...)
			if err != nil {
				return fmt.Errorf("create the service: %w", err)
			}
			defer func() { _ = created.Close() }() // what was set is set
			s, changed = created, []change{major("service created; it starts with the host")}
		} else if changed, err = r.update(s, d); err != nil {
			return err
		}
		more, err := setRecovery(s)
		changed = append(changed, more...)
		return errors.Join(err, r.eventSource())
	})
	return changed, err
}

// update changes what differs, and says what the service ran before: it may be that
// of another agent, to which someone wants to go back.
func (r scmRegistry) update(s *mgr.Service, d serviceDefinition) (changed []change, err error) {
	now, err := queryConfig(s)
	if err != nil {
		return nil, err
	}
	line := scmLine(d)
	if !sameLine(now.line, line) {
		changed = append(changed, major("service updated; before, it ran: %s", now.line))
	}
	if now.display != d.DisplayName {
		changed = append(changed, minor("display name updated"))
	}
	if now.start != mgr.StartAutomatic {
		changed = append(changed, minor("it starts with the host"))
	}
	if len(changed) > 0 {
		if err := changeConfig(s, line, d.DisplayName); err != nil {
			return nil, fmt.Errorf("update the service: %w", err)
		}
	}
	return changed, setDescription(s, d.Description)
}

// sameLine: Windows Installer puts quotes around words that need none.
func sameLine(one, other string) bool {
	first, err := windows.DecomposeCommandLine(one)
	if err != nil {
		return false
	}
	second, err := windows.DecomposeCommandLine(other)
	return err == nil && slices.Equal(first, second)
}

// scmLine is a command line as mgr.CreateService makes it.
func scmLine(d serviceDefinition) string {
	words := []string{syscall.EscapeArg(d.Program)}
	for _, arg := range d.Arguments {
		words = append(words, syscall.EscapeArg(arg))
	}
	return strings.Join(words, " ")
}

func (r scmRegistry) CommandLine(context.Context) (line []string, err error) {
	err = r.open(func(_ *mgr.Mgr, s *mgr.Service) error {
		if s == nil {
			return service.ErrNotInstalled
		}
		now, err := queryConfig(s)
		if err != nil {
			return err
		}
		line, err = windows.DecomposeCommandLine(now.line)
		return err
	})
	return line, err
}

func (r scmRegistry) Unregister(context.Context) (removed []string, err error) {
	err = r.open(func(_ *mgr.Mgr, s *mgr.Service) error {
		if s == nil {
			return service.ErrNotInstalled
		}
		return s.Delete()
	})
	if err != nil {
		return nil, err
	}
	if err := eventlog.Remove(r.name); err != nil && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return nil, fmt.Errorf("event source: %w", err)
	}
	return []string{"service removed"}, nil
}

// open calls do with the service, nil if there is none.
func (r scmRegistry) open(do func(*mgr.Mgr, *mgr.Service) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("open service manager: %w", err)
	}
	defer func() { _ = m.Disconnect() }() // nothing waits for it
	s, err := m.OpenService(r.name)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return do(m, nil)
	}
	if err != nil {
		return fmt.Errorf("open service %s: %w", r.name, err)
	}
	defer func() { _ = s.Close() }() // what was set is set
	return do(m, s)
}

// eventSource lets the last words of a service stand in the event log.
func (r scmRegistry) eventSource() error {
	err := eventlog.InstallAsEventCreate(r.name, eventlog.Error|eventlog.Warning|eventlog.Info)
	if err != nil && !strings.Contains(err.Error(), "exists") { // the package has no other mark for it
		return fmt.Errorf("event source: %w", err)
	}
	return nil
}

// setRecovery has the service restarted whatever it ended with, and started a while
// after the boot, when the network is there.
func setRecovery(s *mgr.Service) (changed []change, err error) {
	now, err := s.RecoveryActions()
	period, periodErr := s.ResetPeriod()
	if err != nil || periodErr != nil || !slices.Equal(now, scmRecovery) || period != scmResetPeriod {
		if err := s.SetRecoveryActions(scmRecovery, scmResetPeriod); err != nil {
			return nil, fmt.Errorf("set recovery: %w", err)
		}
		if !errors.Is(err, windows.ERROR_INVALID_LEVEL) { // Wine sets it, and cannot be asked
			changed = append(changed, minor("it is restarted when it fails"))
		}
	}
	flagged, err := setFailureFlag(s)
	if err != nil {
		return changed, err
	}
	if flagged {
		changed = append(changed, minor("also when it ends with an error and did not crash"))
	}
	delayed, err := setDelayedStart(s)
	if delayed {
		changed = append(changed, minor("its start is delayed at boot"))
	}
	return changed, err
}

// setFailureFlag has an orderly end with an exit code other than 0 count as a failure.
func setFailureFlag(s *mgr.Service) (changed bool, err error) {
	if ended, err := s.RecoveryActionsOnNonCrashFailures(); err == nil && ended {
		return false, nil
	}
	err = s.SetRecoveryActionsOnNonCrashFailures(true)
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		return false, nil // Wine; the program exits without such an end anyway, which counts as a crash
	}
	if err != nil {
		return false, fmt.Errorf("set recovery: it is not restarted when it ends with an error: %w", err)
	}
	return true, nil
}

func setDelayedStart(s *mgr.Service) (changed bool, err error) {
	var info windows.SERVICE_DELAYED_AUTO_START_INFO
	var needed uint32
	size := uint32(unsafe.Sizeof(info))
	err = windows.QueryServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (*byte)(unsafe.Pointer(&info)), size, &needed)
	if err == nil && info.IsDelayedAutoStartUp != 0 {
		return false, nil
	}
	info.IsDelayedAutoStartUp = 1
	err = windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (*byte)(unsafe.Pointer(&info)))
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		return false, nil // Wine: it starts at once, and waits for the network itself
	}
	if err != nil {
		return false, fmt.Errorf("set delayed start: %w", err)
	}
	return true, nil
}

type scmConfig struct {
	line, display string
	start         uint32
}

// queryConfig asks for no more than every Windows knows; mgr's Config fails as a
// whole where one level is missing.
func queryConfig(s *mgr.Service) (scmConfig, error) {
	size := uint32(1024)
	for {
		b := make([]byte, size)
		p := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&b[0]))
		err := windows.QueryServiceConfig(s.Handle, p, size, &size)
		if err == nil {
			return scmConfig{
				line:    windows.UTF16PtrToString(p.BinaryPathName),
				display: windows.UTF16PtrToString(p.DisplayName),
				start:   p.StartType,
			}, nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || size <= uint32(len(b)) {
			return scmConfig{}, fmt.Errorf("query service %s: %w", s.Name, err)
		}
	}
}

// changeConfig leaves the account, the dependencies and all else as they are.
func changeConfig(s *mgr.Service, line, display string) error {
	path, err := windows.UTF16PtrFromString(line)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(display)
	if err != nil {
		return err
	}
	const same = windows.SERVICE_NO_CHANGE
	return windows.ChangeServiceConfig(s.Handle, same, mgr.StartAutomatic, same, path, nil, nil, nil, nil, nil, name)
}

func setDescription(s *mgr.Service, text string) error {
	p, err := windows.UTF16PtrFromString(text)
	if err != nil {
		return err
	}
	d := windows.SERVICE_DESCRIPTION{Description: p}
	return windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&d)))
}
