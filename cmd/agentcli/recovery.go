package agentcli

import (
	"context"
	"errors"
	"time"

	"github.com/kardianos/service"

	"github.com/kanade-go/kanade/agent"
)

// recovery is what a service manager does with a service when the host starts,
// and when it has ended by itself.
type recovery struct {
	starts   bool // with the host
	restarts bool // after a failure
	// ended counts an orderly end with an exit code other than 0 as a failure;
	// only Windows tells them apart.
	ended bool
}

// errRecoveryUnknown says that this manager cannot be asked.
var errRecoveryUnknown = errors.New("this service manager cannot be asked")

// recoveryWait bounds the question.
const recoveryWait = 5 * time.Second

const serviceCheck = "service"

// serviceFindings are the service's state and its recovery settings.
func (t tree) serviceFindings(ctx context.Context) []agent.Finding {
	warn := func(text, advice string) agent.Finding {
		return agent.Finding{Check: serviceCheck, Level: agent.FindingWarn, Text: text, Advice: advice}
	}
	name := t.brand.ServiceName
	s, err := t.newService(t.serviceConfig(""))
	if err != nil {
		return []agent.Finding{warn("there is no service manager: "+oneLine(err), "start the agent some other way when the host starts")}
	}
	var found agent.Finding
	switch status, err := s.Status(); {
	case errors.Is(err, service.ErrNotInstalled):
		return []agent.Finding{warn(name+" is not installed", "install it with: "+t.brand.Use+" install")}
	case err != nil:
		advice := "run this as an administrator"
		if t.isAdmin() {
			advice = "look at the service with the tools of its manager (" + s.Platform() + ")"
		}
		found = warn("the state of "+name+" is not known: "+oneLine(err), advice)
	case status == service.StatusRunning:
		found = agent.Finding{Check: serviceCheck, Level: agent.FindingOK, Text: name + " runs (" + s.Platform() + ")"}
	default:
		found = warn(name+" does not run", "start it with: "+t.brand.Use+" start; if it ends again, see its log")
	}
	ctx, cancel := context.WithTimeout(ctx, recoveryWait)
	defer cancel()
	return append([]agent.Finding{found}, t.recoveryFindings(ctx, name)...)
}

func (t tree) recoveryFindings(ctx context.Context, name string) (all []agent.Finding) {
	const check = "service recovery"
	r, err := t.recovery(ctx, name)
	if errors.Is(err, errRecoveryUnknown) {
		return nil
	}
	if err != nil {
		return []agent.Finding{{Check: check, Level: agent.FindingWarn, Text: "not known: " + oneLine(err), Advice: "run this as an administrator"}}
	}
	again := t.brand.Use + " install sets it right too"
	add := func(wrong bool, text, advice string) {
		if wrong {
			all = append(all, agent.Finding{Check: check, Level: agent.FindingWarn, Text: text, Advice: advice + "; " + again})
		}
	}
	add(!r.starts, name+" does not start with the host", "enable it")
	add(!r.restarts, name+" is not restarted when it fails", "have it restarted")
	add(r.restarts && !r.ended, name+" is restarted after a crash only, not when it ends by itself with an error", "set the failure flag: sc failureflag "+name+" 1")
	if len(all) == 0 {
		all = []agent.Finding{{Check: check, Level: agent.FindingOK, Text: "starts with the host, and again when it fails"}}
	}
	return all
}
