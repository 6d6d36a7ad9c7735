// Package facts has the types of a host inventory: what is known of a machine,
// with units, and where each fact comes from. It has no code that looks.
//
// Every section is a plain struct with JSON names in snake_case. Sizes are
// bytes, speeds bits per second, times UTC in RFC 3339. Text is UTF-8 as the
// host gives it, without surrounding blanks.
//
// A fact that the host does not have, or that the caller may not read, is absent
// from the JSON: an empty string, a zero, a nil pointer or an empty list mean
// "not known", never "no". Where no is an answer, the field is a pointer to a
// bool. A section that could not be collected is nil, and its reason is in
// [Host.Problems]; an empty list in a section that is there means that there is
// nothing.
//
//	var host facts.Host
//	if err := json.Unmarshal(data, &host); err != nil { ... }
//	if host.OS != nil { fmt.Println(host.OS.Name, host.OS.Version) }
//
// SOURCES.md beside this file has a row for every field: where it comes from on each
// system, and when it is absent.
//
// New fields may be added in any release; none changes its meaning. The order of
// every list is fixed by its contents, so two collections of an unchanged host
// marshal to the same bytes, apart from what changes by itself, which [Hash] leaves out.
package facts
