// Package events turns what happens to commands into the contract's events and
// puts them into their outboxes: that a run has started, what a script reports
// on its standard output, and what the agent itself observes.
//
// Events are told, not promised: one that cannot be stored is logged and never
// holds up a command. What a script reports is the exception: its output is only
// taken away from the result when every line of it is stored.
package events
