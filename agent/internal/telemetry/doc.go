// Package telemetry tells the fleet that this host is there and how it is doing:
// heartbeats, the load of the host, its busiest processes, and answers to pings.
//
// # Guarantees
//
//   - The first message is sent at once (or with the first connection), then one in
//     each interval, at a phase that differs from host to host. A changed interval
//     counts at once. Intervals are 1 s to 24 h, whatever the settings say.
//   - Ticks that were missed, in a sleep or behind something slow, are skipped.
//     While there is no connection nothing is queued: telemetry is worth nothing
//     later.
//   - A measurement that hangs, fails or panics costs its own fields. It is reported
//     when it begins to fail and when it works again. One that hangs is not asked
//     again before it has returned, so there is never more than one of each.
//   - Rates and percentages are of the time between two measurements: the first
//     sample has none, nor has the first one after a changed interval. A process, a
//     disk or an interface that is new, gone or replaced adds nothing to them.
//   - Pings are answered one at a time, 20 at once and then 20 a second.
//
// # Limits
//
// A system call that hangs cannot be ended: at a stop it is left behind after
// 0.2 s. Values come from gopsutil, on Linux those of processes from /proc.
//
//	s := telemetry.New(telemetry.Config{PCID: "PC-1", Version: "1.0.0", Transport: t, Settings: settings, Logger: log})
//	supervise.NewGroup(ctx, log, append(s.Tasks(), s.Answers()...)...)
package telemetry
