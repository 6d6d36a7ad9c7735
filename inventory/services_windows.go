package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

// userInstance marks the copies that every logon makes of some services, with
// another name each time: SERVICE_USERSERVICE_INSTANCE.
const userInstance = 0x80

// maxServices bounds a list. A server has some hundreds.
const maxServices = 10_000

func (h host) services(ctx context.Context, n *notes) (any, error) {
	s := &facts.Services{Services: []facts.Service{}}
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT|windows.SC_MANAGER_ENUMERATE_SERVICE)
	if err != nil {
		return nil, fmt.Errorf("open service manager: %w", err)
	}
	defer func() { _ = windows.CloseServiceHandle(manager) }()
	rows, err := enumServices(manager)
	if err != nil {
		return nil, fmt.Errorf("list services: %w", err)
	}
	for _, row := range rows[:min(len(rows), maxServices)] {
		if ctx.Err() != nil {
			return s, context.Cause(ctx)
		}
		if row.ServiceStatusProcess.ServiceType&userInstance == 0 {
			s.Services = append(s.Services, service(manager, row, n))
		}
	}
	slices.SortFunc(s.Services, func(a, b facts.Service) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

// enumServices asks twice: for the size, and for the list, which may have grown.
// The texts of the rows lie behind them, in the same memory.
func enumServices(manager windows.Handle) ([]windows.ENUM_SERVICE_STATUS_PROCESS, error) {
	var size, number uint32
	for range 4 {
		buffer := make([]byte, size+4<<10)
		err := windows.EnumServicesStatusEx(manager, windows.SC_ENUM_PROCESS_INFO, windows.SERVICE_WIN32, windows.SERVICE_STATE_ALL,
			&buffer[0], uint32(len(buffer)), &size, &number, nil, nil)
		if err == nil {
			return unsafe.Slice((*windows.ENUM_SERVICE_STATUS_PROCESS)(unsafe.Pointer(&buffer[0])), number), nil
		}
		if !errors.Is(err, windows.ERROR_MORE_DATA) {
			return nil, err
		}
		size += uint32(len(buffer)) // it is what is missing
	}
	return nil, windows.ERROR_MORE_DATA
}

func service(manager windows.Handle, row windows.ENUM_SERVICE_STATUS_PROCESS, n *notes) facts.Service {
	s := facts.Service{
		Name: windows.UTF16PtrToString(row.ServiceName), Display: windows.UTF16PtrToString(row.DisplayName),
		State: serviceState(row.ServiceStatusProcess.CurrentState), Start: "unknown", PID: int(row.ServiceStatusProcess.ProcessId),
	}
	handle, err := windows.OpenService(manager, row.ServiceName, windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		if !errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) { // it went away
			n.miss(s.Name, err)
		}
		return s
	}
	defer func() { _ = windows.CloseServiceHandle(handle) }()
	n.miss(s.Name, configure(&s, handle))
	return s
}

// configure adds how a service is set up.
func configure(s *facts.Service, handle windows.Handle) error {
	var buffer [1 << 10]uint64 // 8 KiB are the most that the system gives
	const room = uint32(unsafe.Sizeof(buffer))
	config := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0]))
	var size uint32
	if err := windows.QueryServiceConfig(handle, config, room, &size); err != nil {
		return err
	}
	s.Account = windows.UTF16PtrToString(config.ServiceStartName)
	s.Command = windowsProgram(windows.UTF16PtrToString(config.BinaryPathName))
	var late windows.SERVICE_DELAYED_AUTO_START_INFO
	delayed := windows.QueryServiceConfig2(handle, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO,
		(*byte)(unsafe.Pointer(&late)), uint32(unsafe.Sizeof(late)), &size) == nil && late.IsDelayedAutoStartUp != 0
	s.Start = serviceStart(config.StartType, delayed)
	if windows.QueryServiceConfig2(handle, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&buffer[0])), room, &size) == nil {
		s.Description = clean(windows.UTF16PtrToString((*windows.SERVICE_DESCRIPTION)(unsafe.Pointer(&buffer[0])).Description))
	}
	return nil
}
