package update

import "golang.org/x/sys/windows/svc"

// managed: where it cannot be found out, every start counts.
func managed() bool {
	is, err := svc.IsWindowsService()
	return err == nil && is
}
