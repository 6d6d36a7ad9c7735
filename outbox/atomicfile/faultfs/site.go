package faultfs

import (
	"runtime"
	"slices"
	"strings"
)

// caller is the innermost function of the program that is no helper.
func (s *Suite) caller() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if name := s.function(frame); name != "" {
			return name
		}
		if !more {
			return "the test"
		}
	}
}

// function is the short name of a function of the program, unless it is a helper.
func (s *Suite) function(frame runtime.Frame) string {
	if strings.HasSuffix(frame.File, "_test.go") {
		return ""
	}
	for _, path := range s.Packages {
		name, ours := strings.CutPrefix(frame.Function, path+".")
		if ours && !s.helper(name) {
			return name[strings.LastIndexByte(name, '.')+1:]
		}
	}
	return ""
}

// helper: closures do not decide anything either.
func (s *Suite) helper(name string) bool {
	return strings.Contains(name, ".func") || slices.ContainsFunc(s.Helpers, func(h string) bool { return strings.Contains(name, h) })
}
