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
//     that the command path gives it; after that the schedule rests until the
//     answer would be another.
//   - A row that cannot be read, a bad expression, a missing job, an unknown digest
//     are told once for as long as they last.
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
//   - A clock that is set back by less than the distance between two fires repeats
//     none of them; one that is set back further starts over from the new time.
//     What was done "in the future" counts as done now.
//
// # Limits
//
//   - A schedule that is removed, disabled or not for this host any more does not
//     fire what waits for its jitter, and does not stop what runs.
//   - A job whose newest row cannot be read does not run, since an older version is
//     not what was asked for. A schedule's last good row stays in force.
//   - 8 MiB of rows a bucket; of jobs only those are read that a schedule of this
//     host names.
package schedule
