package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/inventory/facts"
)

// services are the daemons that launchd knows of. What runs is told to root.
func (mac) services(ctx context.Context, n *notes) (any, error) {
	pids := running(toolNoting(ctx, n, "/bin/launchctl", "list"))
	disabled := list("/var/db/com.apple.xpc.launchd/disabled.plist", n)
	s := &facts.Services{Services: []facts.Service{}}
	for _, dir := range []string{"/Library/LaunchDaemons/", "/System/Library/LaunchDaemons/"} {
		for _, name := range below(dir) {
			if ctx.Err() != nil {
				return s, context.Cause(ctx)
			}
			if !strings.HasSuffix(name, ".plist") {
				continue
			}
			if job, ok := launchJob(list(dir+name, n), pids, disabled); ok {
				s.Services = append(s.Services, job)
			}
		}
	}
	slices.SortStableFunc(s.Services, func(a, b facts.Service) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}
