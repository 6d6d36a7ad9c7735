//go:build !windows

package inventory

func absentClass(err error) error { return err }
