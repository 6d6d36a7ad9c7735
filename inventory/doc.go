// Package inventory finds out what a host is: its operating system, hardware,
// storage, network, programs, updates, services, accounts and protection, as the
// types of package facts, on Windows, Linux and macOS. It asks nobody but the
// host: no network, no package manager's lock, no shell where a file or an API
// serves. It can be used without the rest of this module.
//
//	host, err := inventory.NewLocal().Collect(ctx)
//	if err != nil { log.Print(err) } // what is missing, by section; host has the rest
//
// It guarantees:
//
//   - Sections are collected beside one another, each with a deadline. One that
//     fails, panics or hangs is named and harms no other.
//   - Collect returns in time, whatever a source does.
//   - An unchanged host gives the same bytes again, but for what [facts.Hash]
//     leaves out.
//   - What is read is bounded: files, rows, lists, texts. A file system that gives no
//     answer costs what is on it.
//
// It does not guarantee that a fact is there: see package facts. What needs root or
// Administrator is absent without, and noted in [facts.Host.Problems].
//
// # Behind a wall
//
// WMI providers hang, leak and crash; a process cannot kill its own thread. A
// program that must not suffer for it collects in a child that can be killed:
//
//	if len(os.Args) == 2 && os.Args[1] == "collect-inventory" { // in main, first of all
//		if err := inventory.Serve(ctx, os.Stdout); err != nil { … }
//		return
//	}
//	…
//	collector := inventory.NewIsolated(os.Args[0], "collect-inventory")
//	host, err := collector.Collect(ctx)
//
// The child has a deadline, a bound on its memory and its output, and of the
// environment only the variables that systems need, and [Isolated.Env]. What it started
// ends with it.
package inventory
