// Package wire holds what crosses the broker: subjects, the names and settings
// of streams, buckets and stores, and the JSON documents of commands and of
// telemetry; and the messages of the local pipe or socket (KLP), which never cross
// the broker. It needs no connection and links no NATS code, so a backend or a
// tool can import it alone.
//
// # Guarantees
//
//   - Every literal name is in names.go or subject.go.
//   - Decoding is strict: duplicate keys anywhere, invalid UTF-8, trailing data,
//     null for a field that has a default, fractions or signs in an unsigned
//     field, unknown enum values and more than 128 levels of nesting are errors
//     that match [ErrDecode]. Names are compared exactly. Unknown keys are
//     ignored, except in [EmitConfig], [Manifest] and [Execute].
//   - A decode error names the field and what was expected, and shows at most
//     64 bytes of the input; strings are shown only where they are an enum value
//     or a timestamp, so that no script text reaches a log.
//   - Encoding is byte-exact: fixed key order, no blanks, no HTML escaping,
//     timestamps with 0, 3, 6 or 9 fractional digits, invalid UTF-8 replaced by
//     U+FFFD, one for each invalid byte.
//   - Subject builders never return a subject with a wildcard, a blank or an
//     empty token, whatever they are given; see [SubjectSafe].
//   - Reading and writing take time in proportion to the document's size.
//
// # Limits
//
//   - A decoded document is well formed, not necessarily sensible: call
//     Validate before acting on it. Whether a shell exists, a script object has
//     its digest or a staleness allowance can be met is decided by the receiver.
//   - Keys that newer releases reserve for other kinds of commands are not
//     unknown keys: a command whose command_kind is anything but "shell", or that
//     has payload_version, operation or deploy_authorization, is an error. A
//     document that calls itself something else must not run as a script, and no
//     sender of shell commands writes these keys.
//   - Timestamps are RFC 3339 of the years 0 to 9999, without leap seconds.
//     0001-01-01T00:00:00Z is refused, because [time.Time]'s zero means "unset".
//   - Durations are [time.Duration]: longer ones, up to 2^64-1 seconds, are
//     accepted and become its maximum, about 292 years.
package wire
