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
// member, up to [JoinWindow] before the join. By the broker's clock both; whether it
// is past its deadline is for who admits it to say. A command for a group that was
// left is not handed on from that moment, whichever way it came. Names that cannot
// stand in a subject are left out, and so is what goes beyond 256 groups; both with
// a warning.
//
// What was sent to a group while the host was away, before it was a member, may be
// replayed: the filter counts from where the consumer is in the stream.
//
// # Refused subscriptions
//
// A broker that gets new permissions while a connection stands does not take up the
// subscriptions that it has refused on it. Where the Transport tells of refusals
// (OnDenied, as that of [retry.FromNATS]), each refused subject is named once in the
// log and subscribed to anew after 2 s, then less and less often, once a minute in
// the end: all that are refused with one flush. It stands when a second has passed
// after the flush without a refusal. While nothing is refused, nothing is done.
//
// # What it does not do
//
// It does not read the commands, and it does not check that their sender may
// address the host. What was handed on is out of its hands: who runs it looks at
// the groups again. A role that may not read messages of the stream
// ($JS.API.STREAM.INFO.EXEC and $JS.API.STREAM.MSG.GET.EXEC, or DIRECT.GET where the
// stream allows that) loses what was sent just before a join, with a warning.
package intake
