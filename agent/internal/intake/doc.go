// Package intake receives commands and hands them on as deliveries.
//
// They come twice: live, over core subscriptions, fast; and replayed, over a
// durable consumer, which also has what was sent while the agent was away. The
// stream keeps one message a subject, so in a burst the live copy is the only
// one; it is never let go. Who admits the deliveries tells copies apart.
package intake
