package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kanade-go/kanade/agent/internal/health"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

// Problem is something that keeps an agent from doing all of its work.
type Problem struct {
	// What is "connection", "ledger", "commands", the name of a box ("results",
	// "events", "obs"), that of a [Resource], or "kv " and that of a bucket.
	What   string    `json:"what"`
	Since  time.Time `json:"since,omitzero"`
	Text   string    `json:"text"`            // what is wrong, without What and Since
	Error  string    `json:"error,omitempty"` // the last one
	Advice string    `json:"advice,omitempty"`
}

// overdue is how long a record may wait in its box while there is a connection.
const overdue = 5 * time.Minute

// Problems says what is wrong with a running agent, the cause before its
// consequences; none: it is healthy. Wrong is: no connection, a resource that is
// waited for, such as the stream of the commands or a permission that the broker
// refuses, a ledger that cannot be written, commands that cannot be taken or
// started, records in quarantine, and records that have waited for more than five
// minutes although there is a connection; and a bucket that may be there and cannot
// be read, that holds too much, or whose revocations are gone and could not all be
// kept. A bucket that does not exist is waited for too, but nothing is wrong: it is
// as good as an empty one. Nor is a row wrong that is not used as it is.
func (s Status) Problems() []Problem {
	if !s.Running {
		return nil
	}
	found := s.connectionProblems()
	found = append(found, s.storageProblems()...)
	for _, r := range s.Resources {
		// What was still fine when the connection went is its consequence.
		if r.Name != connectionName && !r.WaitingSince.IsZero() && !r.isDispensable() && (s.Connected || r.WaitingSince.Before(s.Since)) {
			found = append(found, resourceProblem(r))
		}
	}
	found = append(found, s.bucketProblems(found)...)
	if s.Connected && !s.Ready && len(found) == 0 {
		found = append(found, Problem{What: "commands", Since: s.Since, Text: "not taken yet: the subscriptions are being made"})
	}
	for _, box := range s.Boxes() {
		if box.Name != inventoryBox { // a fleet may do without its stream
			found = append(found, s.boxProblems(box.Name, box.Stats)...)
		}
	}
	return found
}

const (
	// connectionName is the resource that the connection reports its errors as.
	connectionName = "connection"
	// subscriptionsName stands for those that the broker refuses for their number.
	subscriptionsName = "subscriptions"
)

func (s Status) connectionProblems() []Problem {
	if s.Connected {
		return nil
	}
	p := Problem{What: connectionName, Since: s.Since, Text: "not connected to the broker"}
	if len(s.Servers) > 0 {
		p.Text += ", tries " + strings.Join(s.Servers, ", ")
	}
	p.Advice = connectionAdvice(Resource{})
	for _, r := range s.Resources {
		if r.Name == connectionName && r.Error != "" {
			p.Error = r.Error
			p.Advice = connectionAdvice(r)
		}
	}
	return []Problem{p}
}

func connectionAdvice(r Resource) string {
	switch {
	case r.Reason == string(health.Denied):
		return "check the credentials; new ones count at the next attempt"
	case strings.HasPrefix(r.Error, "credentials: "):
		return "mend what the error names; it is read again at the next attempt, and nothing is sent before"
	}
	return "check the address, the network and the broker; the agent goes on trying"
}

func (s Status) storageProblems() []Problem {
	switch {
	case !s.Ledger.Writable:
		return []Problem{{
			What: "ledger", Since: s.Ledger.Since, Text: "cannot be written: no command is accepted or started", Error: s.Ledger.Error,
			Advice: "make room on the disk of the state folder, or mend it",
		}}
	case s.Commands.Blocked:
		return []Problem{{
			What: "commands", Text: "wait: there is no room for their results",
			Advice: "make room on the disk of the state folder, or for results at the broker",
		}}
	}
	return nil
}

// bucketProblems are those that the resources do not tell: where nobody answers for
// a bucket it looks like one that does not exist.
func (s Status) bucketProblems(told []Problem) (found []Problem) {
	for _, b := range s.Settings {
		name := "kv " + b.Scope
		isTold := slices.ContainsFunc(told, func(p Problem) bool { return p.What == name })
		if b.Unreadable != "" && s.Connected && !isTold {
			found = append(found, Problem{
				What: name, Since: s.unreadableSince(b), Text: "cannot be read, although it may be there", Error: b.Unreadable,
				Advice: "check that its stream has a leader and allows direct gets, and that the agent's user may read it",
			})
		}
		if b.Failure != "" {
			found = append(found, Problem{
				What: name, Since: b.StaleSince, Text: "does not count as it should", Error: b.Failure,
				Advice: "make the bucket smaller, or put back the rows that are gone",
			})
		}
	}
	return found
}

func (s Status) unreadableSince(b ScopeStatus) time.Time {
	for _, r := range s.Resources {
		if r.Name == "kv "+b.Scope && !r.WaitingSince.IsZero() {
			return r.WaitingSince
		}
	}
	return b.StaleSince
}

// isDispensable: fleets may do without settings, groups, pins or revocations, and
// without inventory. A bucket that the broker refuses is another thing: it may have
// rows.
func (r Resource) isDispensable() bool {
	return r.Name == "stream "+wire.StreamInventory || strings.HasPrefix(r.Name, "kv ") && r.Reason == string(health.Missing)
}

func resourceProblem(r Resource) Problem {
	p := Problem{What: r.Name, Since: r.WaitingSince, Text: "is waited for", Error: r.Error}
	if r.Name == subscriptionsName {
		p.Text = "are refused, because there are too many: some commands, requests or replies are not heard"
		p.Advice = "raise the limit of subscriptions of the broker or of the agents' account; the agent asks again within 16 minutes"
		return p
	}
	kind, name, _ := strings.Cut(r.Name, " ")
	if kind == "consumer" && r.Reason == string(health.Missing) {
		kind = "stream"
		name, _, _ = strings.Cut(name, "/")
	}
	switch health.Reason(r.Reason) {
	case health.Missing:
		p.Advice = fmt.Sprintf("the broker has no %s %s; create it, or check that the agent uses the right account", thing(kind), name)
	case health.Denied:
		p.Advice = "the broker refuses it; give the agent's user the permission"
	case health.NoAnswer:
		p.Advice = "nobody answers; check that JetStream is enabled for the account and that the agent's user may ask for it: a refused request gets no answer"
	}
	return p
}

// thing is what an administrator calls it.
func thing(kind string) string {
	switch kind {
	case "kv":
		return "key-value bucket"
	case "object_store":
		return "object store"
	}
	return kind
}

func (s Status) boxProblems(name string, stats outbox.Stats) []Problem {
	var found []Problem
	if stats.Stuck > 0 {
		found = append(found, Problem{
			What: name, Since: utc(stats.OldestStuck), Text: fmt.Sprintf("%d in quarantine: refused for good, or unreadable", stats.Stuck),
			Advice: "see outbox ls --stuck; outbox requeue tries them again",
		})
	}
	if s.Connected && stats.Pending > 0 && s.At.Sub(laterOf(stats.Oldest, s.Since)) > overdue {
		found = append(found, Problem{
			What: name, Since: utc(stats.Oldest), Text: fmt.Sprintf("%d not delivered although there is a connection", stats.Pending),
			Advice: "check that the broker has their stream, with room, and that the agent's user may publish to it",
		})
	}
	return found
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
