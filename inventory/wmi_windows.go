package inventory

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/StackExchange/wmi"
	"github.com/go-ole/go-ole"
)

// connectWMI opens COM on a thread of its own, which stays locked until the
// connection is closed. A column without a value is its zero, one that this
// Windows does not have as well.
func connectWMI() (connection, error) {
	services, err := wmi.InitializeSWbemServices(&wmi.Client{NonePtrZero: true, AllowMissingFields: true})
	if err != nil {
		return nil, err // a nil *SWbemServices is no nil connection
	}
	return services, nil
}

// What WMI answers when it does not know a namespace, a class, or the value of
// one: wbemcli.h.
const (
	wbemNotFound         = 0x80041002
	wbemInvalidNamespace = 0x8004100e
	wbemInvalidClass     = 0x80041010
	wbemNotSupported     = 0x8004100c
)

// absentClass makes of what this Windows does not have something that does not
// exist.
func absentClass(err error) error {
	failed, ok := errors.AsType[*ole.OleError](err)
	if !ok {
		return err
	}
	code := uint32(failed.Code())
	if info, ok := errors.AsType[ole.EXCEPINFO](failed.SubError()); ok {
		code = info.SCODE()
	}
	switch code {
	case wbemNotFound, wbemInvalidNamespace, wbemInvalidClass, wbemNotSupported:
		return fs.ErrNotExist
	}
	return fmt.Errorf("0x%08x: %w", code, err)
}
