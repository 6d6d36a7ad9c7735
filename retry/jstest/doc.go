// Package jstest is for tests: a fake of NATS with JetStream in memory, a real nats-server as a child process, and one
// conformance suite that both pass.
//
// # The fake
//
// NewFake gives a broker and a client of it: its JetStream has the methods of jetstream.JetStream that kanade uses, its
// Conn is a retry.Transport. It is made for speed, for virtual time (testing/synctest: everything in it waits on channels
// and takes its time from package time) and for scripted faults: Fail, LosePubAck, Disconnect.
//
// Imitated, and held to the real server by RunConformance:
//   - Streams: subjects and their overlap, limits on age, number, size and messages of a subject, discard old and new, the
//     duplicate window of Nats-Msg-Id, expected last sequence of a subject, rollup of a subject, purge, the advisory that
//     announces a new stream, jetstream.ErrNoStreamResponse after half a second without one.
//   - Pull consumers with a name: every deliver policy, filters and their update, explicit ack, nak, delay, term, in
//     progress, redelivery after the ack wait, max deliver, max ack pending; the end of an iterator with its consumer.
//   - Buckets and object stores, which are streams as on the server, so their subjects can be subscribed to.
//   - Requests for stored messages: direct gets, and $JS.API.STREAM.MSG.GET, which a stream's leader answers.
//   - Core messages: wildcards, order, a bounded buffer for each subscription, requests, no responders, max payload, the
//     reconnect buffer.
//
// Different from a real server:
//   - An iterator pulls one message at each Next, as with jetstream.PullMaxMessages(1): none is lost to a batch that nobody reads.
//   - A watcher goes on at once after a reconnect, and ends at once with its bucket; the real one is deaf for seconds.
//   - A consumer's inactive threshold has no effect. Nothing takes time, and nothing is lost but core messages.
//
// Everything else that could change what a test sees panics with its name: a method, an option, a field of a configuration.
//
// # The broker
//
// StartBroker runs a real nats-server, pinned to one version and built into the user's cache folder on first use, or the
// one that $KANADE_NATS_SERVER names. Tests stop, kill, pause, wipe and restart it on the same port. On Linux it dies with
// the test process; elsewhere with the test, unless the test process is killed. Without a server the test fails.
//
// Nothing here belongs in a program that is not a test.
package jstest
