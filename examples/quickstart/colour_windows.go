package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableColour asks the console to understand colour codes; old ones refuse.
func enableColour(console *os.File) bool {
	handle := windows.Handle(console.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(handle, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
