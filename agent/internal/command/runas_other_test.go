//go:build !windows

package command

const anotherUserSays = "Windows-only"
