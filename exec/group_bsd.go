//go:build dragonfly || freebsd || netbsd || openbsd

package exec

import "syscall"

// sessionAlive sees nobody here: members that outlive the leader get no grace.
func sessionAlive(int) bool { return false }

// signalOtherGroups finds no other groups here.
func signalOtherGroups(int, syscall.Signal) {}
