//go:build amd64 || arm64

package selfpipe

import (
	"syscall"
	"unsafe"
)

// action is the kernel's struct sigaction of both processors, see sigaction(2).
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// What Go's runtime asks for with its handler, and ours needs too: to run on the
// thread's second stack (the first is a goroutine's, and small), and calls that go on afterwards.
const (
	onStack  = 0x08000000 // SA_ONSTACK
	restarts = 0x10000000 // SA_RESTART
)

// pending has a bit for each signal that came and is not offered yet.
var pending uint64

// writeEnd is where the handler writes.
var writeEnd int64

// handler runs in C's convention, on any thread, at any moment: it sets the bit of its
// signal and writes one byte, whichever. A pipe that is full wakes all the same.
func handler()

var _ = handler // the kernel calls it

// handlerAddress is where the kernel finds it; Go's func values lead to a wrapper.
func handlerAddress() uintptr

// replaceHandler has ours called instead of the runtime's. All else is kept: what is
// blocked meanwhile (every signal), the stack, the way back. It is false for a signal
// that is ignored: only the runtime knows how to begin with such a one.
func replaceHandler(number syscall.Signal) (original action, ok bool) {
	if changeAction(number, nil, &original) != nil {
		return original, false
	}
	if original.handler <= 1 || original.flags&(onStack|restarts) != onStack|restarts { // SIG_DFL, SIG_IGN
		return original, false
	}
	ours := original
	ours.handler = handlerAddress()
	return original, changeAction(number, &ours, nil) == nil
}

func changeAction(number syscall.Signal, now, before *action) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(number),
		uintptr(unsafe.Pointer(now)), uintptr(unsafe.Pointer(before)), unsafe.Sizeof(action{}.mask), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
