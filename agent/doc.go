// Package agent is an endpoint agent that runs inside another program.
//
// It takes commands over NATS JetStream, runs them, keeps each result on disk
// until the broker has acknowledged it, and waits for brokers, streams and
// consumers that are not there yet.
//
//	cfg := agent.DefaultConfig()
//	cfg.Servers = []string{"nats://broker.example:4222"}
//	cfg.StateDir = "/var/lib/my-tool/agent" // this agent's own
//	a, err := agent.New(cfg)
//	if err != nil {
//		return err // errors.Is(err, agent.ErrConfig): everything that is wrong, at once
//	}
//	return a.Run(ctx) // until ctx ends, and what was taken is done
//
// # What it guarantees
//
//   - Every accepted command ends in exactly one result, whatever fails: the
//     shell, the disk, the broker, the process, the power.
//   - Nothing runs twice. A command whose start was recorded when the agent died
//     is reported with exit code 121 and not run again, unless its [Handler]
//     asked for that.
//   - Nothing waits for a restart by hand. A broker or a stream that is missing
//     is waited for, for ever, beside the work.
//   - A command is acknowledged only when it is on disk, and a result leaves the
//     disk only when the broker has it.
//   - Groups, settings, version pins and revocations are those of the broker's
//     buckets, and of the disk while there is no broker. A script that was revoked
//     does not run, offline neither.
//   - [Agent.Status] says what is waited for, since when and why; [ReadStatus] says
//     so from another process.
//
// # What it does not
//
//   - A live command that dies with the process before it was recorded is gone
//     unless the EXEC stream has it: that stream keeps one message a subject.
//     Its sender sees no result and sends the same bytes again.
//   - Of two commands sent to the same subject while the agent is away, the
//     stream keeps the last.
//   - It does not create streams or buckets; the backend does (wire.Streams says
//     which).
//   - A host that is new gets the commands that the stream still has for it, up to a
//     week old; one that must not run late has a start deadline.
//   - It trusts whoever may publish to its subjects, unless a [Verifier] is given. A
//     command that one has let pass is not judged again after a restart.
//
// # Life
//
// [New] validates and does nothing else. [Agent.Run] blocks until its context
// ends and then stops in phases: intake ends, running commands get [Config].Grace,
// results go out, files are closed. An Agent runs once. Several agents can run in
// one process, each with an ID and a state folder of its own.
//
// A connection that was brought along ([WithNATS]) is used and never closed; if
// its owner closes it, Run ends with [ErrConnectionClosed]. Otherwise the agent
// connects by itself, with the credentials of [Config] or of [WithCredentials],
// which are asked for at every connect.
//
// # Commands in Go
//
// A command whose shell is the name of a handler goes to Go code instead of a
// script; see [WithHandler]. Package agenttest tests a handler through the whole
// path without a broker.
package agent
