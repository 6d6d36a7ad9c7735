// Package doctor finds out whether a host is fit for an agent: its disk, its
// shells, its clock, the broker, and what the broker lets the agent's user do.
//
//	for f := range doctor.Check(ctx, doctor.Config{PCID: "pc-1", StateDir: dir, Broker: options}) {
//		fmt.Println(f.Level, f.Check, f.Text)
//	}
//
// # What it guarantees
//
//   - It leaves nothing behind, at the broker or on the disk, and takes no lock: it
//     works beside a running agent and without one.
//   - It publishes nothing that anybody could take for data. A request to the
//     JetStream API is one that the server answers with an error and does nothing
//     about; an ack has a text that means nothing. Rights that only a real message
//     could prove (results, heartbeats, objects) are judged from what the server
//     itself says of the user ($SYS.REQ.USER.INFO); where that is not allowed
//     they are reported as not known.
//   - A refusal is one that the server has spoken out, never a time that ran out:
//     each probe is followed by a ping, and the broker answers in order.
//   - It ends within the connect wait and two seconds for each of the probes, and
//     at once when its context ends.
//   - No password, token or seed is in a finding.
//
// # What it does not
//
//   - It does not subscribe to the groups of the host, which it does not know: it
//     asks for commands.group.* as a whole.
//   - What the broker allows now may be refused after its next reload.
package doctor
