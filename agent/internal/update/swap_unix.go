//go:build unix

package update

var replaceRunning = replaceAtOnce
