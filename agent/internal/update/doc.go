// Package update replaces the agent's executable: it fetches the release that the
// settings want, makes sure of it, swaps it in, watches it, and takes the last good
// one back when the new one does not do its work.
//
// # Guarantees
//
//   - Nothing is swapped in that is not complete (digest of the store), of this
//     platform (header of the file), signed by a trusted key (where keys are
//     configured), and able to connect and to read its settings (the new binary is
//     started to say so, as the version that was asked for).
//   - What is under way is on disk before it is done, with the number of times that
//     it was tried. A release that was tried and not confirmed three times is not
//     tried again; one that ended three times before it was confirmed, never. The
//     count is kept with the plan in one file, so that no order of events loses it.
//     Tries that did not come to the swap say nothing about the release: they make
//     the pauses longer, up to 32 times the first one.
//   - What is planned and swapped in are the bytes that were verified, in a file of
//     that name and not behind a link.
//   - The executable is replaced by one rename. (On Windows, where one that runs can
//     be renamed but not replaced, by two, and the first is undone if the second
//     fails.)
//   - A new release is confirmed when it is connected, has sent a heartbeat and has
//     an outbox that delivers, for a minimum time. One that ends too often before
//     that, hangs, or does not come so far although the last good one could on the
//     same host at the same time, is replaced by the last good one.
//   - A broker that is away, and a host that is shut down, say nothing about a
//     release: it stays on probation for as long as that lasts.
//   - A target that is withdrawn is not taken, until the plan is on disk.
//   - A start by hand, beside or instead of the service, does not count against a
//     release.
//   - What somebody installs while an update is under way stays.
//
// # Files, all beside the executable
//
//	agent.new[.exe]        what was fetched, until it is swapped in
//	agent.last-good[.exe]  what ran before
//	agent.old.exe          the running one that was moved aside (Windows)
//	agent.older.exe        the same, where agent.old.exe still runs
//	agent.update.json      the plan, the releases that were tried, the floor
//
// # Limits
//
//   - Whoever may write in the executable's folder decides what runs: between the
//     last look at a file and its rename it can be exchanged.
//   - A record that cannot be read stops updates until somebody mends or removes it.
//   - On Unix, what a release starts during its self-test in a process group of its
//     own outlives it.
//   - One executable belongs to one agent that updates.
//   - Where no service manager that is known starts the agent ([Install.CountStart]
//     knows that of Windows, systemd and launchd), a start by hand counts as well.
//   - A release that dies before [Install.CountStart] is not seen by it, and one that
//     hangs before [Install.Guard] is not ended. The start by which the release proves
//     itself is what keeps such a one out.
//   - Power that is cut three times within minutes of a start looks like a release
//     that ends by itself.
//   - On Windows a power cut between the two renames leaves no executable; the old
//     one is there as agent.old.exe.
package update
