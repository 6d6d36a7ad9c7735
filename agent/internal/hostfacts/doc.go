// Package hostfacts publishes what a host is: the sections of its inventory, those
// that changed, through an outbox of their own.
//
// # When
//
// A host looks at itself soon after its start and then once in each interval of the
// settings, at a phase that differs from host to host. It publishes the sections
// whose hash (facts.Hash) is another one than that of the last message. A full set
// is published after a boot of the host and once a day: at the host's own time of
// the day, 12 to 36 hours after the last one. A restart of the agent alone publishes
// nothing that is unchanged: the hashes are on disk.
//
// While there is no connection nothing is collected, and while messages of a former
// collection wait for the broker neither: what is sent after an outage is the host
// as it is then. So there is never more than one set in the outbox. What fell due in
// an outage is spread over the jitter of the settings, so that a fleet that comes
// back does not do it at once. A change of the settings counts after the same
// spread. A computer that slept looks when it wakes.
//
// # What
//
// Each section is an [wire.InventorySection] on inventory.<pc_id>.<section>, in as
// many numbered parts as the broker's max_payload asks for, at most 1 MiB each. Two
// more sections are derived:
//
//   - hw is the contract's [wire.HwInventory], as it is.
//   - problems is a [wire.InventoryProblemList]: what is missing in the others, and
//     why, one line each. It is published when it changes, also when a collection
//     gave nothing else, and it is empty when nothing is missing.
//
// Nothing is written to the bucket agents_state: the contract lists it as unused, with
// neither keys nor values, and its roles let an agent write to one other bucket only.
// The latest of a section are the last messages of its subject.
//
// # Guarantees
//
//   - A collector that panics, fails or hangs costs its own facts. It is reported in
//     the section problems, in the log and in the status, and asked again at the next
//     turn. One that hangs is not asked again before it has returned.
//   - A name that cannot be one token of a subject is never published; it is a problem.
//   - A message that was not stored is made again at the next turn. What is stored
//     is delivered, whenever the stream is there. If the broker takes smaller messages
//     by then, and refuses it, its section is published again in more parts.
//   - A section of more than 32 MiB is not published; it is a problem.
//
// # Limits
//
// Of a section in several parts the last ones may be missing for good, if the disk
// was full or the process died in between. The next collection sends all of them
// again, with another collected_at. A message may come twice. A collector that hangs
// is left behind at a stop.
//
//	s := hostfacts.New(hostfacts.Config{PCID: "PC-1", Source: hostfacts.NewSource(collector), Box: box, Transport: t, …})
//	supervise.NewGroup(ctx, log, supervise.Task{Name: "inventory", Run: s.Run})
package hostfacts
