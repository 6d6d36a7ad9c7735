package command

import (
	"context"
	"strconv"
	"strings"

	"github.com/kanade-go/kanade/agent/internal/delivery"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

// What is refused leaves no trace in the ledger, whose bounds therefore do not
// hold for it. Anybody who may publish to the host can cause it without end, so
// it has bounds of its own.
const (
	// refusalBurst lets a sender with a wrong key see what is the matter, and
	// leaves, with one a minute after it, at the most 12,520 refusals in the box of
	// results in the 8 days that a command can matter. The box holds 100,000.
	refusalBurst = 1000
	// localRefusalBurst is that of the host's own schedules, for a verifier that
	// trusts none of them: they are no reason to leave a sender without an answer.
	// At the most 11,620 in 8 days.
	localRefusalBurst = 100
	// conflictBurst bounds the observations of request IDs that were used twice;
	// their box gives up the oldest, reports of scripts included.
	conflictBurst = 100
	// maxRefusalText bounds each field of a refusal that its sender, or the
	// verifier's error, can make as long as a message.
	maxRefusalText = 1024
)

// refuse answers a command that must not be trusted. It leaves no trace in the
// ledger, so that a corrected one may use the request ID again.
func (a *admitter) refuse(ctx context.Context, x *arrival, reason error) {
	a.counters.refused.Add(1)
	if !a.mayRefuse(ctx, x.Source) {
		x.Answer(delivery.Ack)
		return
	}
	why := brief(reason.Error())
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := put(ctx, a.sink, a.refusal(x.command, why)); err != nil {
		a.log.Error("a refusal was not stored", "request_id", x.command.RequestID, "error", err)
		x.Answer(delivery.Nak)
		return
	}
	a.drop(x, delivery.Ack, "a command was refused", "request_id", x.command.RequestID, "error", why)
}

// mayRefuse says whether a refusal may still be stored, and tells of it when that
// changes.
func (a *admitter) mayRefuse(ctx context.Context, source delivery.Source) bool {
	refusals := a.refusals
	if source == delivery.Schedule {
		refusals = a.localRefusals
	}
	allowed, began, ended := refusals.take()
	if ended > 0 {
		a.log.Info("refused commands are answered again", "unanswered", ended, "source", source)
	}
	if began {
		a.log.Warn("too many commands were refused; further ones are counted and get no answer for now",
			"answered", refusals.burst, "then_one_every", allowanceEvery, "source", source)
		a.events.Observe(ctx, "command_refusals_unanswered", map[string]string{
			"refused": strconv.FormatUint(a.counters.refused.Load(), 10),
		})
	}
	return allowed
}

func brief(text string) string {
	if len(text) <= maxRefusalText {
		return text
	}
	return strings.ToValidUTF8(text[:maxRefusalText], "") + " ..."
}

func (a *admitter) refusal(c wire.Command, why string) outbox.Record {
	c.ExecID, c.ID = brief(c.ExecID), brief(c.ID)
	v := Verdict{ExitCode: wire.ExitRefused, Reason: "refused: " + why}
	r := VerdictResult(c, a.pcID, v, a.now())
	r.ResultID = wire.RefusalID(c.RequestID, a.pcID)
	record := RecordOf(r)
	record.Name = r.ResultID
	return record
}

func (a *admitter) refuseConflict(ctx context.Context, x *arrival) {
	a.counters.conflicts.Add(1)
	if allowed, _, _ := a.conflicts.take(); !allowed {
		x.Answer(delivery.Ack)
		return
	}
	a.drop(x, delivery.Ack, "a command was not run: its request ID was used before for another command",
		"request_id", x.command.RequestID, "job", brief(x.command.ID))
	a.events.Observe(ctx, "command_admission_conflict", map[string]string{
		"request_id": x.command.RequestID, "manifest_id": brief(x.command.ID),
	})
}

func (a *admitter) drop(x *arrival, s delivery.Settlement, msg string, args ...any) {
	a.log.Warn(msg, append([]any{"subject", x.Subject, "source", x.Source}, args...)...)
	if s == delivery.Term {
		a.counters.unreadable.Add(1)
	}
	x.Answer(s)
}
