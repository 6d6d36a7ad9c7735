// Package outbox keeps messages on disk until a JetStream stream has them.
//
// An [Outbox] is a folder with one file a record. [Outbox.Put] makes a record
// durable, [Outbox.Drain] publishes what is pending and removes each file after
// the broker's acknowledgement. The broker, its streams and the connection may
// be absent for any time; nothing has to be restarted when they come.
//
//	box, err := outbox.Open(dir, outbox.WithTransport(retry.FromNATS(nc)))
//	if err != nil {
//		return err
//	}
//	defer box.Close()
//	go box.Drain(ctx, js) // js is a jetstream.JetStream; ends with ctx
//	return box.Put(ctx, outbox.Record{Subject: "orders.new", Data: data})
//
// # Guarantees
//
// A record is on disk when Put returns nil: file written and synced under a
// temporary name, renamed, folder synced. It survives the death of the process
// and a power cut. A file is removed only after a stream has acknowledged its
// record (a "duplicate" acknowledgement counts) and the [WithBeforeRemove] hook
// has agreed. So every record is delivered at least once. Each publish carries
// the record's MsgID as Nats-Msg-Id; within the stream's duplicate window the
// broker keeps one copy.
//
// A Put under a name that is still pending changes nothing and returns nil: the
// first record stays. Records are never rewritten.
//
// One record that fails waits by itself (1, 2, 4 … 300 s) and holds up no
// other; one that nobody answers leaves its place in the window to others after
// a second. While nothing at all gets through, a record is probed now and then,
// and the first success starts all. With [WithTransport] nothing is tried while
// the connection is down, and everything at once when it is up.
//
// A record that is refused for good (too large for the broker or its stream),
// that is refused or left without an answer again and again while others pass
// ([WithQuarantineAfter]), or whose file cannot be decoded, moves to the folder
// stuck/ with a [Reason] beside it. It counts in [Stats], is tried again at every
// Open and once a day, and is never deleted or replaced. A missing or full
// stream brings no record there.
//
// [WithLimit], [WithFreeDisk] and [WithMaxRecordBytes] bound the folder,
// [WithOverflow] says what gives way.
//
// # Not guaranteed
//
// Exactly-once beyond the duplicate window: after a power cut a removed file
// can come back, after a crash between acknowledgement and removal it is still
// there, and a record whose acknowledgement was lost is sent again. Order on
// the wire is that of the files' modification times only roughly, unless
// [WithWindow] is 1. A pending record costs about 200 bytes of memory and its
// file. Contents are read right before their publish, at most 8 MiB (or one
// record) at a time; with [WithLarge] large ones are never in memory.
//
// With [WithTransport] and a Publisher that is a jetstream.JetStream, Drain
// publishes through the transport and reads the acknowledgements from one inbox
// of its own; any other Publisher is called for each record. A connection with an inbox prefix needs a
// transport with the method NewInbox() string.
//
// # Inspection
//
// [Inspect] looks at a folder from outside, beside a process that has it open or
// without one. A [Reader] lists, shows and exports records and finds what is
// damaged; it takes no lock and changes nothing. [Reader.Requeue] moves stuck
// records back to the pending ones; a Drain in another process finds them within
// a minute. A record is in at least one of the two places at any moment; a death or a
// power cut in the middle can leave it in both, and it is delivered twice, under
// one message ID. [Reader.Repair] takes the lock, so that the folder has to be
// closed, and loses nothing: what is damaged moves to stuck/, and only what is the
// same as another file byte for byte, or was never a record, is removed. Records
// of one name whose message IDs differ are no duplicates. Links that are in the
// folder are not followed, and the rights and owner of a file are changed only
// when it has no other name (hard link).
//
// # Files
//
// The file of a record is exactly what the [Codec] writes and is called
// <name>.json. A name is used as it is when it consists of 1 to 128 of
// a-z 0-9 . _ -, does not begin or end with a dot, is no Windows device name
// (with or without an extension) and does not look like a hash. For any other
// name, and when a file is in the way that only case tells apart or that cannot
// be decoded, it is "sha256-" and the hex SHA-256 of the name. So no two names
// share a file on any file system.
//
// Regular files *.json that others put into the folder are records too,
// whatever their name; they are found at Open, at the start of a Drain or
// Flush, and within a minute during a Drain. Let them appear under their name by a
// rename. Files *.json.tmp are removed at Open. A record x.json in quarantine is
// stuck/x.json and its reason stuck/x.reason. The file .lock keeps other
// processes out (flock, on Windows LockFileEx) and stays.
package outbox
