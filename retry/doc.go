// Package retry waits for things on NATS that will exist sooner or later: a connection, a key-value bucket, a stream, a
// consumer, an object store. A program that uses it can be started before its broker, before anybody has created its
// buckets, and during an outage, and goes on by itself when what it needs is there.
//
//	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
//	...
//	js, err := jetstream.New(nc)
//	...
//	settings, err := retry.WaitForKV(ctx, js, "settings",
//		retry.WithTransport(retry.FromNATS(nc)), retry.WithLogger(slog.Default()))
//
// It needs nothing but nats.go, knows nothing of any application, and can be used without the rest of this module.
//
// # What ends a wait
//
// Three things, and nothing else: success, the end of the caller's context, and an error that no attempt can cure. The last
// is what Permanent marks; the WaitFor functions mark names that no server accepts and a connection that was closed. A
// missing bucket, a broker that is away, a timeout and a refused permission are waited out, for ever if need be. For a wait
// with an end give a context with a deadline; the error then tells the last failure beside the context's own:
//
//	retry: wait for kv settings: context deadline exceeded (last attempt: nats: bucket not found)
//
// # When it tries
//
// The pauses after failed attempts are 1, 2, 4, 8 … 256, 300, 300 … s, each varied by ±25 % (WithBackoff changes that). Every
// attempt has a deadline of its own, 5 s (WithAttemptTimeout). Every call starts with the first pause again.
//
// With a Transport (WithTransport) the wait also follows the connection:
//
//   - A connect or reconnect ends a pause at once, also one that happened while an attempt was still running. It does not
//     start the row of pauses over. A disconnect ends nothing.
//   - While the connection is down, an attempt first waits up to 5 s for it, then tries anyway.
//   - After a lookup that found nothing, the WaitFor functions subscribe to the server's notice that the stream behind the
//     missing thing was created ($JS.EVENT.ADVISORY.STREAM.CREATED.<stream>). The notice starts the row of pauses over, so
//     the thing is found after about a second, not after the minutes to which the pauses may have grown. It is a hint:
//     where the account may not subscribe to it, the pauses alone decide, and nats.go reports the refusal to the
//     connection's error handler.
//
// All waits of a process try at once after a reconnect. To keep a fleet from doing so in step, let the connection itself
// reconnect with jitter (nats.ReconnectJitter, or within nats.CustomReconnectDelay).
//
// # What it says
//
// WithLogger: one warning at the first failure with what is awaited, the error and the pause; debug for the ones after it;
// one line at info with the number of failures at the success. WithOnAttempt gets every attempt, for a status page that
// shows what a program is waiting for. Without them it is silent.
//
// # What it does not do
//
// It creates no bucket, stream or store; WaitForConsumer makes the consumer, since that is its user's own. A value it has
// returned is not watched over: when the bucket is deleted later, the next use of it fails, and waiting again is the
// caller's decision. A connection that is closed while a wait pauses is noticed by the next attempt, so a program that
// closes its connection also ends the context of its waits.
//
// # Transport
//
// Transport is the small part of a connection that waiting and subscribing code needs, as an interface, so that such code
// can be tested without a server. FromNATS adapts a *nats.Conn; its comment has the limits and errors. Package
// retry/jstest has a fake, and a real nats-server for tests.
package retry
