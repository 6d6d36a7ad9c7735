// Package command takes a command from the moment it was received to the
// moment its result is in the outbox.
//
// Admission (admit.go) is serial and quick: decode, reserve, gather, decide,
// record, settle. A command is acknowledged only after the [Ledger] has it on
// disk. Performance (perform.go) is slow and pooled: mark started, run, store
// the result, mark finished.
//
// What the ledger says at the next start decides what a restart owes
// (recover.go): an accepted command is queued again and decided anew, a
// verdict's result is sent as it was recorded, and a started command is never
// run again but reported as interrupted.
package command
