package outbox

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
)

// class says what a failed publish tells of the record.
type class int

const (
	// refused: for a reason that may pass, or may be the record's own. Counts
	// towards quarantine when others pass meanwhile.
	refused class = iota
	// silent: nobody answered. Counts like refused; when nothing passes, it is
	// the broker's own.
	silent
	// unavailable: nothing can take it at present (no stream, a full one, no
	// leader). Says nothing of the record and never counts.
	unavailable
	// forGood: the message as it is will not be stored.
	forGood
)

// errNoAnswer is the failure of a publish whose acknowledgement did not come
// within ackWait.
var errNoAnswer = errors.New("no acknowledgement in time")

// ErrUnavailable is for the errors of a [Publisher] to be, as errors.Is finds out:
// the failure says nothing of the record, because the connection took nothing at
// all. Such failures never count towards quarantine.
var ErrUnavailable = errors.New("nothing can be published at present")

func classify(err error) class {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, ErrUnavailable):
		return unavailable
	case retry.IsPermanent(err), isAny(err, nats.ErrMaxPayload, nats.ErrBadSubject, nats.ErrInvalidMsg, nats.ErrBadHeaderMsg):
		return forGood
	case errors.As(err, &api):
		return classifyAnswer(api)
	case isAny(err, errNoAnswer, context.DeadlineExceeded, nats.ErrTimeout):
		return silent
	case isAny(err, jetstream.ErrNoStreamResponse, nats.ErrNoResponders, nats.ErrConnectionClosed, nats.ErrDisconnected,
		nats.ErrReconnectBufExceeded, nats.ErrHeadersNotSupported, nats.ErrConnectionDraining, nats.ErrConnectionReconnecting):
		return unavailable
	default:
		return refused
	}
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// Codes that a stream answers a publish with and nats.go has no name for.
const (
	codeAccountResourcesExceeded jetstream.ErrorCode = 10002
	codeHeaderExceedsMaximum     jetstream.ErrorCode = 10097
	codeStreamSealed             jetstream.ErrorCode = 10109
	codeNoLimits                 jetstream.ErrorCode = 10120
	codeTTLInvalid               jetstream.ErrorCode = 10165
	codeCounterMissing           jetstream.ErrorCode = 10169
	codeCounterHasPayload        jetstream.ErrorCode = 10170
	codeCounterInvalid           jetstream.ErrorCode = 10171
	codeExpectedSequenceMissing  jetstream.ErrorCode = 10193
	codeSchedulerInvalid         jetstream.ErrorCode = 10212
	codeTimeZoneInvalid          jetstream.ErrorCode = 10223
	codeSourceHeader             jetstream.ErrorCode = 10227
)

// classifyAnswer reads the error of a stream. A full stream answers 10077 with
// status 503. Sequences and stream names that the message expects (10060, 10070,
// 10071, 10164) may come true, so they count as refused.
func classifyAnswer(api *jetstream.APIError) class {
	switch api.ErrorCode {
	case jetstream.JSErrCodeStreamMessageExceedsMaximum, codeHeaderExceedsMaximum, codeTTLInvalid,
		codeCounterMissing, codeCounterHasPayload, codeCounterInvalid, codeExpectedSequenceMissing,
		jetstream.JSErrCodeSchedulePatternInvalid, jetstream.JSErrCodeScheduleTargetInvalid,
		jetstream.JSErrCodeScheduleTTLInvalid, jetstream.JSErrCodeScheduleRollupInvalid,
		jetstream.JSErrCodeScheduleSourceInvalid, codeSchedulerInvalid, codeTimeZoneInvalid, codeSourceHeader:
		return forGood
	case codeAccountResourcesExceeded, codeStreamSealed, codeNoLimits, jetstream.JSErrCodeStreamNotFound:
		return unavailable
	}
	if api.Code >= 500 || api.Code == 429 || api.Code == 409 {
		return unavailable
	}
	return refused
}
