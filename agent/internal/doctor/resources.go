package doctor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/kanade-go/kanade/agent/wire"
)

// streamNotFound is the code of the JetStream API for a stream that is not there.
const streamNotFound = 10059

// resources says which streams, buckets and stores of a fleet the broker has. An
// agent waits for those that are missing.
func (d *doctor) resources(ctx context.Context, p *prober, user userInfo, verdicts []verdict) {
	if d.over || ctx.Err() != nil {
		return
	}
	if !d.jetStream(verdicts) {
		return
	}
	var there, absent, unknown []string
	note := func(name string, found, known bool) {
		switch {
		case !known:
			unknown = append(unknown, name)
		case found:
			there = append(there, name)
		default:
			absent = append(absent, name)
		}
	}
	for _, stream := range []string{wire.StreamExec, wire.StreamResults, wire.StreamEvents, wire.StreamObsEvents} {
		found, known := p.stream(ctx, user, stream)
		note("stream "+stream, found, known)
	}
	for _, b := range buckets(d.PCID) {
		a := answerTo(verdicts, directGet(b.name))
		note("bucket "+b.name, !a.nobody, a.msg != nil)
	}
	for store, subject := range map[string]string{
		wire.StoreScripts:      "$JS.API.STREAM.MSG.GET." + objectStream(wire.StoreScripts),
		wire.StoreResultOutput: "$JS.API.STREAM.INFO." + objectStream(wire.StoreResultOutput),
	} {
		a := answerTo(verdicts, subject)
		note("object store "+store, apiError(a) != streamNotFound, a.msg != nil)
	}
	d.tellResources(there, absent, unknown)
}

func (d *doctor) tellResources(there, absent, unknown []string) {
	const check = "streams and buckets"
	for _, names := range [][]string{there, absent, unknown} {
		slices.Sort(names)
	}
	if len(absent) > 0 {
		d.warn(check, "missing: "+strings.Join(absent, ", "), "the agent waits for them: start the backend, which creates them, or check that this is the right account")
	}
	if len(unknown) > 0 {
		d.ok(check, "not known, because the user may not ask (an agent need not): "+strings.Join(unknown, ", "))
	}
	if len(there) > 0 {
		d.ok(check, "there: "+strings.Join(there, ", "))
	}
}

// jetStream reports whether the account has it: its API has a listener then,
// whatever streams there are.
func (d *doctor) jetStream(verdicts []verdict) bool {
	a := answerTo(verdicts, "$JS.API.STREAM.MSG.GET."+objectStream(wire.StoreScripts))
	if a.nobody {
		d.fail("jetstream", "it is not there for this account", "enable JetStream on the broker and for the account: without it no result is delivered")
		return false
	}
	return true
}

func answerTo(verdicts []verdict, subject string) answer {
	for _, v := range verdicts {
		if v.publish && v.subject == subject {
			return v.answer
		}
	}
	return answer{}
}

// stream asks for a stream that an agent itself never asks about, if the user
// may.
func (p *prober) stream(ctx context.Context, user userInfo, stream string) (found, known bool) {
	subject := "$JS.API.STREAM.INFO." + stream
	if !user.known || !user.Data.Permissions.mayPublish(subject) {
		return false, false
	}
	a := p.request(ctx, subject, nil)
	if a.msg == nil || a.nobody {
		return false, false
	}
	return apiError(a) != streamNotFound, true
}

// apiError is the code in an answer of the JetStream API; 0: none.
func apiError(a answer) int {
	var reply struct {
		Error *struct {
			Code int `json:"err_code"`
		} `json:"error"`
	}
	if a.msg == nil || json.Unmarshal(a.msg.Data, &reply) != nil || reply.Error == nil {
		return 0
	}
	return reply.Error.Code
}
