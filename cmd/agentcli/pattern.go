package agentcli

import (
	"regexp"
	"sync"
)

// pattern compiles an expression when it is first used: most runs use none, and pay
// for each at their start.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
