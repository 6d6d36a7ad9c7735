package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

const permissionCheck = "permission"

// verdict is what was found out about a need.
type verdict struct {
	need
	answer
	unknown bool // neither asked nor told
}

// permissions tries every subject that the agent uses, and puts those that are
// missing into a block for the broker's configuration.
func (d *doctor) permissions(ctx context.Context, p *prober, user userInfo) []verdict {
	var verdicts []verdict
	for _, n := range needs(d.PCID, p.inboxPrefix()) {
		if d.over || ctx.Err() != nil {
			return verdicts
		}
		v := verdict{need: n}
		switch {
		case n.publish && n.question == nil && !user.known:
			v.unknown = true
		case n.publish && n.question == nil:
			v.denied = !user.Data.Permissions.mayPublish(n.subject)
		default:
			v.answer = p.try(ctx, n)
			v.unknown = v.err != nil
		}
		verdicts = append(verdicts, v)
		d.tell(v)
	}
	d.replies(user)
	d.block(verdicts, user)
	return verdicts
}

func (p *prober) inboxPrefix() string {
	if prefix := p.nc.Opts.InboxPrefix; prefix != "" {
		return prefix
	}
	return strings.TrimSuffix(nats.InboxPrefix, ".")
}

func (p *prober) try(ctx context.Context, n need) answer {
	switch {
	case !n.publish:
		return p.subscribe(ctx, n.subject)
	case n.silent:
		return p.publish(ctx, n.probed(), n.question)
	}
	got := p.request(ctx, n.subject, n.question)
	if got.denied && n.instead != "" {
		return p.request(ctx, n.instead, nothing)
	}
	return got
}

func (d *doctor) tell(v verdict) {
	f := Finding{Check: permissionCheck, Level: OK, Subject: v.String(), Text: "allowed: " + v.purpose}
	switch {
	case v.err != nil:
		f.Level, f.Text, f.Advice = Warn, fmt.Sprintf("not known (%s): %v", v.purpose, v.err), "run doctor again on a quiet network"
	case v.unknown:
		f.Level, f.Text = Warn, "not known ("+v.purpose+"): it cannot be tried without a real message"
		f.Advice = "allow the user to publish " + userInfoSubject + ", by which the broker tells it"
	case v.denied && v.useful != "":
		f.Level, f.Text, f.Advice = Warn, "refused: "+v.purpose+"; "+v.useful, "allow it, if that matters; see the block below"
	case v.denied:
		f.Level, f.Text, f.Advice = Fail, "refused: "+v.purpose, "allow it; see the block below"
	}
	d.add(f)
}

const repliesSubject = "replies"

// replies looks whether pings and requests for the log may be answered.
func (d *doctor) replies(user userInfo) {
	f := Finding{Check: permissionCheck, Level: OK, Subject: repliesSubject, Text: "allowed: answers to pings and to requests for the log"}
	switch {
	case !user.known:
		f.Level, f.Text = Warn, "not known (answers to pings and to requests for the log)"
		f.Advice = "allow the user to publish " + userInfoSubject + ", by which the broker tells it"
	case !user.Data.Permissions.mayReply():
		f.Level, f.Text, f.Advice = Fail, "refused: answers to pings and to requests for the log", "set allow_responses: true for the user"
	}
	d.add(f)
}

// block is what is to be added to the permissions of the user.
func (d *doctor) block(verdicts []verdict, user userInfo) {
	const check = "permissions"
	publish, subscribe := missing(verdicts, true), missing(verdicts, false)
	replies := user.known && !user.Data.Permissions.mayReply()
	if len(publish)+len(subscribe) == 0 && !replies {
		d.ok(check, "none is known to be missing")
		return
	}
	var lines []string
	for _, list := range []struct {
		verb     string
		subjects []string
	}{{"publish", publish}, {"subscribe", subscribe}} {
		if len(list.subjects) > 0 {
			lines = append(lines, fmt.Sprintf("  %s: { allow: [", list.verb))
			for _, s := range list.subjects {
				lines = append(lines, fmt.Sprintf("    %q", s))
			}
			lines = append(lines, "  ] }")
		}
	}
	if replies {
		lines = append(lines, "  allow_responses: true")
	}
	level, required := Warn, func(v verdict) bool { return v.denied && v.useful == "" }
	if replies || slices.ContainsFunc(verdicts, required) {
		level = Fail
	}
	d.add(Finding{
		Check: check, Level: level, Text: counted(len(publish)+len(subscribe), replies),
		Advice: "add the block to the permissions of the user in the broker's configuration (to lists that are there already, and take away what deny lists refuse); " +
			"for a JWT: nsc edit user --allow-pub … --allow-sub … --allow-pub-response",
		Block: "permissions {\n" + strings.Join(lines, "\n") + "\n}",
	})
}

func counted(subjects int, replies bool) string {
	text := fmt.Sprintf("%d subjects are refused", subjects)
	if subjects == 1 {
		text = "1 subject is refused"
	}
	if replies {
		text += ", and answers to requests"
	}
	return text
}

func missing(verdicts []verdict, publish bool) []string {
	var subjects []string
	for _, v := range verdicts {
		if v.denied && v.publish == publish {
			subjects = append(subjects, v.subject)
		}
	}
	return subjects
}
