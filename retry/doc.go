// Package retry is for programs that live longer than their NATS broker stays as it is. It waits for things that will exist
// sooner or later (a connection, a bucket, a stream, a consumer, an object store), and keeps reading them whatever happens
// to the broker: restarts, lost data, deleted and re-created buckets and consumers, frozen processes, cut connections,
// refused subjects. A program that uses it can be started before its broker and goes on by itself after every outage.
//
//	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort())
//	...
//	transport := retry.FromNATS(nc)
//	err = retry.WatchKV(ctx, retry.NewKVReader(transport), "settings", retry.FixedKeys("global", "hosts.me"),
//		func(v retry.View) { use(v.Entries) })
//
// It needs nothing but nats.go, knows nothing of any application, and can be used without the rest of this module.
//
// # What a reconnect does not bring back
//
// nats.go reconnects the connection, and with it what lives in the connection: subscriptions and requests. What was opened
// on the server over it is another matter. Observed with nats.go v1.55 and nats-server 2.15, ten messages written before
// the event ("deaf" is open, without an error, and without messages):
//
//	                            subscription  KV watcher           ordered consumer    durable, Consume    durable, Messages
//	restart with its data       at once       deaf for 15 s        at once             at once             at once
//	restart without data,       at once       deaf for 18 s, then  begins behind the   all messages        all messages
//	made anew before reconnect                only what is newer   old last sequence
//	                                          than the old data
//	restart without data,       at once       channel closed after skips the first     5 s after it was    after a missed
//	made anew 25 s later                      19 s, no error on it messages            made                heartbeat
//	deleted and made anew       not affected  silent until the old silent until the    ends for good       ends for good
//	while connected                           sequence is passed   old sequence is passed
//	only the consumer deleted   not affected  not affected         not affected        ends for good       ends for good
//	broker frozen, then back    resumes       resumes              resumes             resumes             resumes
//	broker killed during an     with its data the object goes on after 20 s; without, it hangs until the context's
//	object's Get                deadline, or for ever without one
//
// The silent rows are the costly ones: a watcher whose bucket had 5,000 revisions stays deaf for 5,000 writes to the new one,
// and nothing tells. A frozen broker is noticed by pings only, by default after four minutes: set nats.PingInterval. A
// request that the server refuses for want of permission is not answered at all.
//
// # What ends a connection
//
// A connection that is closed is never opened again, neither by nats.go nor here: what waits or reads on it returns
// nats.ErrConnectionClosed, marked permanent, and a program has to connect anew. Its owner closes it, and so does nats.go:
//
//   - after 60 attempts at a server, and at the first one if it fails, unless the options above say otherwise;
//   - when a server has refused the credentials twice in a row, as while they are changed, without nats.IgnoreAuthErrorAbort;
//   - when a server that is connected to reports an error that nats.go does not know, whatever the options. Observed with
//     "Maximum Payload Violation": a reload with a smaller max_payload is not told to clients, and the next message above it
//     ends the connection of who sends it; and with "maximum control line exceeded", for a subject too long for
//     max_control_line.
//
// And a connection that stands may be deaf: subscriptions above a limit on their number (max_subscriptions, or that of the
// account) are refused without a subject, also the one for replies, and are not taken up when there is room. The connection's
// error handler gets nats.ErrMaxSubscriptionsExceeded; nats.Conn.ForceReconnect asks for all of them again.
//
// # Watching a bucket
//
// WatchKV holds no position in a bucket that could be lost. A write to a key is a message on $KV.<bucket>.<key>, which a
// plain subscription hears; it is taken as a hint only, and answered by a direct get, which any replica answers and which
// leaves nothing on the server. A restart, a wiped, re-created or rolled-back bucket are therefore all the same case: read
// again. Its promises:
//
//   - apply gets the whole view, from one goroutine, only when contents or freshness differ. An absent key is absent.
//   - The last good view survives everything; View.Stale says since when it could not be refreshed, counted from the loss of
//     the connection, or from the first read that failed.
//   - After a reconnect the keys are read at once, within DefaultReadSpread. After a write the key is read, within
//     DefaultHintSpread; many writes at once are one read, and while they go on the reads move apart, up to 2 s.
//   - The replica that answers may be behind its leader. A read that brings nothing new after a hint is repeated after 50 ms, and
//     the next one is the leader's (DirectReader.ReadKey), for up to 4 keys; for more, everything is read and the leader asked for the
//     key that was written to last. So a write is not hidden until the next check, and a write that the server refused costs three
//     requests.
//   - A view is never set back by a replica. An answer without what was read before is put off, unless the leader says the same,
//     as after a restore from a backup. A replica that stays behind for 3 s makes the view stale; writes are heard all the same.
//     Where the leader may not be asked, the third such answer in a row is believed, 100 ms after the first; where it does not
//     answer, such an answer is believed after 30 s of its silence: while a leader is chosen no replica can catch up.
//   - A server hands a message to subscribers before it stores it, so a write may be too early for a new subscription and too
//     late for the read after it. A second read, 50 ms after the first, and a third within 10 s close that gap.
//   - Every 60 s a check finds what no hint told of. A view of at most 64 keys and 32 KiB is read whole, one request. For a
//     larger one the check asks for the bucket's newest message, and every tenth check reads everything, so that keys that
//     expired or were purged from the stream are noticed. Sequence and time of a message together tell a re-created bucket
//     from the one before, also when it has as many revisions. Keys that a re-created bucket does not have, and that already has
//     more revisions than the old one, stay until the check.
//   - Where the server refuses the subscription, or a check finds a change that no hint told of, checks come every 10 s.
//   - Every request has a deadline that each answer renews. Nothing is asked while disconnected.
//   - A view of more than MaxViewBytes is refused: the last one stays, stale, and the bucket is read again after 10 min.
//
// What it cannot know: a server that is cut off from the others of its cluster, with its clients, answers what it has, and the
// view counts as fresh until the clients are cut off, too. Times are the server's; no clock of the host is compared with them.
//
// It costs 0.02 requests/s at rest, with a bucket and without, and one request for a put. It needs these permissions:
//
//	publish    $JS.API.DIRECT.GET.KV_<bucket>
//	subscribe  $KV.<bucket>.<key or pattern>, each; $KV.<bucket>.> for more than 64 of them
//	subscribe  the connection's inbox prefix, _INBOX.> by default
//	subscribe  $JS.EVENT.ADVISORY.STREAM.CREATED.KV_<bucket>, optional, asked for while the bucket is missing
//	publish    $JS.API.DIRECT.GET.KV_<bucket>.>, instead of the first, is enough for keys without wildcards
//	publish    $JS.API.STREAM.MSG.GET.KV_<bucket>, optional: the leader's answers, see above. Without it a replica that is
//	           behind may hide a write until the next check
//
// A refused subject is named in one warning each. For that FromNATS puts an error handler before the connection's own (see
// its OnDenied).
//
// Which buckets: those that allow direct gets, as all do that clients of the last years have made; one that does not looks like
// one that is missing. Any history, TTL of the bucket or of a key (nats-server 2.11), with markers or without, which only the
// check notices. A bucket that is mirrored is watched by its own name, and its mirrors answer for it; watched by the mirror's name
// it has no keys, because their subjects are the origin's. Buckets of another JetStream domain are out of reach. Whoever writes
// around the client library can make keys that it would refuse, with any character but a space; they are in the view, so check
// names before they become paths.
//
// For thousands of clients of one broker use WithHintSpread: a write to a key that all of them watch makes each of them send
// one small request. WithReadSpread does the same for what they send after a reconnect.
//
// # Consuming a stream
//
// Consume keeps a durable pull consumer: it makes it again when it or its stream was deleted, opens it again after a
// reconnect, an election or 30 s of silence, and brings it to a new configuration, such as other filters, in place. Its
// messages go to a handler one at a time, whose error gives a message back. WithPull changes its pulls, WithReopenSpread
// spreads what many hosts do after a reconnect. Its pulls keep to the limits that the server or the consumer has for them
// (max_request_batch, max_expires), which nats.go would meet with silence. A consumer that stands and does not get its new
// configuration (a refusal, a missing permission, silence) is read as it is, and asked for again; for that Consume needs to
// publish to $JS.API.CONSUMER.INFO.<stream>.<consumer>. When Consume ends it gives back what it has pulled and not handed on,
// so that whoever reads on need not wait for the ack wait.
//
// A stored message without data whose headers look like an answer of the server (Status: 400) is taken for one by nats.go, which
// drops what was pulled with it. Consume then takes messages one at a time, with one warning, until none has come for two ack
// waits, so that such a message keeps back nothing but itself.
//
// A deleted consumer is made again 2 s later. nats-server 2.15 tells of the deletion before it has removed the consumer's
// folder, which takes it up to a second; one of the same name that is made meanwhile loses its folder to that. Such a
// consumer delivers, but the server refuses every update of it, and does not know it any more after a restart: its place in
// the stream is in memory only. Consume finds it, whoever has made it: it uses it as it is where it delivers what it should
// (one warning), and otherwise deletes it and makes it anew 2 s later (a warning), in the long run once a minute at most, ±25 %. That
// is the only case in which it deletes a consumer, and it needs to publish to $JS.API.CONSUMER.DELETE.<stream>.<consumer> and
// $JS.API.CONSUMER.INFO.<stream>.<consumer>. A place in the stream is lost only with the consumer; one that is made anew
// begins where its configuration says, so expect messages again, and with DeliverNewPolicy missing ones.
//
// Two servers do not say that the folder is lost: a cluster, which does not answer such an update at all, and one on a Windows
// without English. Consume then deletes nothing, and tries until the update is taken, which for another configuration may be
// after the server's restart. The loss itself was seen on single servers only.
//
// # Reading an object
//
// ReadObject asks for an object chunk by chunk, each with a deadline, and checks size and digest at the end. A broker that
// dies midway costs the chunk that was on its way: the read goes on where it was, begins anew when the object was replaced,
// and says so when a chunk is gone for good. ReadObjectBytes is the same into memory, with a limit.
//
// # Waiting
//
// Forever, WaitForKV, WaitForStream, WaitForConsumer and WaitForObjectStore wait until something exists and return it. Three
// things end a wait, and nothing else: success, the end of the caller's context, and an error that no attempt can cure. The
// last is what Permanent marks; the WaitFor functions mark names that no server accepts and a connection that was closed. A
// missing bucket, a broker that is away, a timeout and a refused permission are waited out, for ever if need be. For a wait
// with an end give a context with a deadline; the error then tells the last failure beside the context's own:
//
//	retry: wait for kv settings: context deadline exceeded (last attempt: nats: bucket not found)
//
// The pauses after failed attempts are 1, 2, 4, 8 … 256, 300, 300 … s, each varied by ±25 % (WithBackoff changes that). Every
// attempt has a deadline of its own, 5 s (WithAttemptTimeout). Every call starts with the first pause again.
//
// With a Transport (WithTransport) a wait also follows the connection:
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
// A value that a wait has returned is not watched over: when the bucket is deleted later, the next use of it fails. A
// connection that is closed while a wait pauses is noticed by the next attempt, so a program that closes its connection
// also ends the context of its waits.
//
// # What it says
//
// WithLogger: one warning at the first failure with what is awaited, the error and the pause; debug for the ones after it;
// one line at info with the number of failures at the success. WithOnAttempt gets every attempt, for a status page that
// shows what a program is waiting for. Without them it is silent.
//
// # What it does not do
//
// It creates no bucket, stream or store; a consumer it makes, since that is its user's own. It never ends a connection.
//
// # Transport
//
// Transport is the small part of a connection that waiting and reading code needs, as an interface, so that such code can be
// tested without a server. FromNATS adapts a *nats.Conn; its comment has the limits and errors. Package retry/jstest has a
// fake, and a real nats-server for tests.
package retry
