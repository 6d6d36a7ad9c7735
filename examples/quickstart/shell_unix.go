//go:build unix

package main

const defaultShell = "sh"
