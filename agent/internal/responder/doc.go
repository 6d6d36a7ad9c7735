// Package responder answers requests that come over the broker.
//
// # Guarantees
//
//   - One request at a time, at a bounded pace: a flood costs what the pace
//     allows. At most 64 requests wait; what comes beyond that is dropped, counted
//     and reported.
//   - Nothing is sent to where a request has no business to point: a reply subject
//     must be one subject, and not one of the fleet's own or of the broker's.
//   - An error of the answer is its text, with the header Nats-Service-Error, so
//     that a caller can tell it from an answer.
//   - A subject that the broker has refused is answered when it is allowed, without
//     a reconnect, as package subscribed tells.
//
// # Limits
//
// A panic of the answer is Run's: whoever runs it (supervise) starts it again.
// While there is no connection no request comes, and none is kept.
//
//	r := responder.Responder{Transport: t, Subject: "agents.PC-1.ping", Answer: answer, Every: time.Second, Burst: 10, Logger: log}
//	err := r.Run(ctx)
package responder
