// Package cron reads the cron expressions of agent-side schedules and says when
// they fire. It is pure: no clock, no timers, UTC only.
//
// # Dialect
//
// Six fields, or seven with the year: second 0-59, minute 0-59, hour 0-23, day of
// month 1-31, month 1-12 or JAN-DEC, day of week 0-7 or SUN-SAT (0 and 7 are
// Sunday), year 1-5000. Five fields are an error. Case does not matter, nor does
// how many blanks there are.
//
//   - Lists, ranges and steps: a,b and a-b and */n and a-b/n and a/n, which
//     starts at a. A range does not wrap around; -SUN is -7, so MON-SUN works.
//   - ? in either day field is the same as *.
//   - In the day of month L is the last day, and 17W the weekday that is nearest
//     to the 17th inside the month.
//   - In the day of week 1#2 is the second Monday, 5L and 5#L the last Friday. A
//     leading + is accepted and changes nothing.
//   - Where both day fields are restricted, both must match.
//   - @yearly, @annually, @monthly, @weekly, @daily and @hourly.
//
// # Guarantees
//
//   - [Schedule.Next] and [Schedule.Last] agree with each other and with a scan of
//     every second (a test does that scan).
//   - A date that never comes is answered, after at most some milliseconds.
//   - An error matches [ErrSyntax] and names the field.
package cron
