// Package logs answers logs.fetch requests with the end of the agent's log.
//
// # Guarantees
//
//   - The newest day's file is read backwards, and never more of it than the reply
//     can hold: memory does not depend on how large the log is or how many lines
//     were asked for.
//   - A reply has at most 819,200 bytes, and at most what the broker takes. What is
//     too much is cut off at the front, at the start of a character.
//   - A file that is moved aside or removed while it is read is read to its end, and
//     is not held: on Windows too it can be.
//   - Only files with a date in their names are the log's; a stranger beside them,
//     a link or a pipe is left alone.
//   - A disk that hangs costs one goroutine; the request is answered after 5 s, and
//     Run ends when it is to.
//   - A reply that is not a log begins with "logs.fetch: " and has the header
//     Nats-Service-Error.
//
// # Limits
//
// The days before are not read, even if the newest one has fewer lines than were
// asked for. Whoever may send requests reads the log; the agent keeps secrets and
// script text out of it, and the broker's permissions say who may ask.
//
//	tail := logs.New(logs.Config{PCID: "PC-1", File: "/var/log/kanade/agent.log", Transport: t, Logger: log})
//	err := tail.Run(ctx)
package logs
