// Package schedule fires the schedules that a host runs by itself (runs_on:
// agent). A due job becomes a [delivery.Delivery] with an encoded command, which
// enters the same path as a command that came as a message.
//
// # Guarantees
//
//   - Schedules, jobs, digests of script objects and what was done are on disk: a
//     restart without a broker fires what was known last. Cron is UTC; the zone of
//     the host and its changes do not matter.
//   - What fires is recorded, with fsync, before it is handed over. The request ID
//     follows from host, schedule and time, so that whatever a crash repeats is a
//     duplicate to the command path.
//   - A schedule has one run at a time, counted from the moment it is due (so the
//     jitter is included) until its result is known, over restarts too. What falls
//     due meanwhile is passed over and counted.
//   - Only exit code 0 is success. A once-per-pc job that failed, was killed or was
//     skipped is tried again at the next time.
//   - A revocation or a pin of another version is answered once, with the result
//     that the command path gives it; after that the schedule rests, over restarts
//     too, until the answer would be another.
//   - A row that cannot be read, a bad expression, a missing job, an unknown digest
//     are told once for as long as they last; of rows that break together 16 are named.
//     So is a disk that fails: once for each file and cause, not with each fire.
//   - A file that is damaged is set aside under a name that ends in .broken. One that
//     cannot be read is read again, and nothing is written over it; after 10 min it is
//     set aside under a name that ends in .unreadable, but for what was done: it would be
//     done again. Nothing fires before it is known what was in flight, and what the last
//     runs have done. Runs that end meanwhile count when it is known whose they were.
//
// # The clock
//
// The host's clock can be set. The package has one clock beside it, a count that says
// what the host's would show had it never been set back: it goes on while that is set
// back, and while it is put right; it follows a host's clock that is ahead of it, as
// after sleep. Over a restart it goes on from the state on disk.
//
// Times of a cron expression, deadlines and the jitter are by the host's clock. What
// has happened, and how long ago, is by the count:
//
//   - A time comes when the host's clock comes to it, or jumps over it: then the
//     latest of those that were jumped over comes, late.
//   - A schedule leaves behind each time that fired or was passed over. A clock that
//     is set back by less than the distance to the next time repeats none of them; one
//     that is set back further starts the schedule over. Its times come again, as
//     fires of their own.
//   - A clock that is put right jumps over times too. One that the schedule had left
//     behind before it started over, and whose place in the count lies before what it
//     has come to meanwhile, is no time that comes again: it has had its turn. So a
//     time fires once, however often a clock goes wrong and is put right.
//   - A cooldown is so long by the count. It is neither cut short by a clock that is
//     set, nor held up by a completion from a time when the clock was ahead: that one
//     counts as done now, while it stays in the file as it is.
//   - No ID comes twice: it follows from host, schedule, time, and the count at which
//     the schedule was armed or started over.
//   - A schedule that is armed anew, because it was added, enabled, retargeted or got
//     another expression, begins at that moment, by both clocks.
//
// # Times that were missed
//
//   - While the agent ran (sleep, a clock that was set forward): they come to one
//     late fire, the latest.
//   - While it did not run: every_tick loses them, as the reference release does;
//     once_per_pc and once_per_target make one late fire. With a starting_deadline
//     both make one, if that has not passed. The broker has 20 s after the start to
//     say what is new; what falls due in them was not missed and comes after them.
//   - A starting_deadline becomes the command's deadline: so long after the time,
//     and the whole jitter on top, since that is a wait which was asked for.
//
// # Limits
//
//   - A schedule that is removed, disabled or not for this host any more does not
//     fire what waits for its jitter, and does not stop what runs.
//   - A job whose newest row cannot be read does not run, since an older version is
//     not what was asked for. A schedule's last good row stays in force.
//   - Whether a clock was put right while the agent did not run, nobody saw: it was if
//     it shows no less than the count. A host that was off for longer than its clock
//     had been set back is taken for one whose clock was put right.
//   - Where the process's own clock stands still during sleep (Linux, macOS), sleep
//     counts only as far as it is more than the clock was set back before. A cooldown
//     is longer by so much, once.
//   - What was passed over is on disk after 10 min, or at the stop. After a crash it is
//     looked at again: a job whose cooldown has ended meanwhile is done then.
//   - A state that is lost (damaged, or unreadable for 10 min) costs the completions of
//     runs that were in flight. Nothing starts beside such a run.
//   - 8 MiB of rows a bucket; of jobs only those are read that a schedule of this
//     host names.
package schedule
