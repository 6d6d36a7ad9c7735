// Package intake receives commands and hands them on as deliveries.
//
// They come twice: live, over core subscriptions, fast; and replayed, over a
// durable consumer, which also has what was sent while the agent was away. The
// stream keeps one message a subject, so in a burst the live copy is the only
// one; it is never let go. Who admits the deliveries tells copies apart.
//
//	live := &intake.Live{Transport: t, PCID: id, Groups: groups, Out: out, Kill: kill, Logger: log}
//	replay := &intake.Replay{JetStream: js, Transport: t, PCID: id, Groups: live.Joined, Out: out, Logger: log}
//	err := live.Subscribe(arriving) // then live.Run and replay.Run side by side
//
// # Groups
//
// The host's groups may change at any time. A group that is joined is first
// subscribed to, then the replay's filter takes it in, so that a command sent
// meanwhile comes over at least one of the two. A command for a group that was
// left is not handed on from that moment, whichever way it came. Names that
// cannot stand in a subject are left out, and so is what goes beyond 256 groups;
// both with a warning. What was sent to a group before the host was a member
// may or may not be replayed: it depends on where the consumer is in the stream.
//
// # What it does not do
//
// It does not read the commands, and it does not check that their sender may
// address the host. What was handed on is out of its hands: who runs it looks at
// the groups again.
package intake
