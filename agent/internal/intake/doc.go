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
// meanwhile comes over at least one of the two; then the newest command of its
// subject is read, because one that was sent just before comes over neither. That
// one is handed on as a replayed one if it was sent since the host is a member, or
// up to [JoinWindow] before that; where nobody says since when the host is a
// member, up to [JoinWindow] before the join. A membership is as old as the first row
// that this run has seen it in. By the broker's clock both; whether it
// is past its deadline is for who admits it to say. A command for a group that was
// left is not handed on from that moment, whichever way it came. Names that cannot
// stand in a subject are left out, and so is what goes beyond 256 groups; both with
// a warning.
//
// A group that is left and joined again at once is read like one that is joined, if
// a command of it was let go meanwhile.
//
// What was sent to a group while the host was away, before it was a member, may be
// replayed: the filter counts from where the consumer is in the stream.
//
// # A run that is killed
//
// What is still to be read is known to the next run, whatever this one dies of: the
// consumer has its filters, and in its metadata (kanade_unread_groups) the groups among
// them whose newest command has no owner yet. A run looks at both, by one request, before
// it changes anything, and reads the groups that the consumer did not have, and those in
// the metadata. A join costs a second update of the consumer for that, when all that were
// joined are read. A command that is let go because its group was left stays with the
// server until the consumer has followed, for up to 10 s more.
//
// Where nobody says what the consumer was (four attempts, half a minute, or at once where
// the role may not ask), the newest command of every group is read: who admits it knows
// those that were done.
//
// # A consumer that the broker does not change
//
// Where the role may not change the consumer, or the broker refuses new filters, the
// replay goes on with those that it has, and they are asked for again, once a minute
// in the end. What passes the consumer meanwhile is read as for a join when they are
// granted.
//
// # Refused subscriptions
//
// What the broker refuses is asked for again, as package subscribed tells.
//
// # What it does not do
//
// It does not read the commands, and it does not check that their sender may
// address the host. What was handed on is out of its hands: who runs it looks at
// the groups again. A role that may not read messages of the stream
// ($JS.API.STREAM.INFO.EXEC and $JS.API.STREAM.MSG.GET.EXEC, or DIRECT.GET where the
// stream allows that) loses what was sent just before a join, with a warning.
package intake
