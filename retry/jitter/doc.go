// Package jitter draws the numbers that keep a fleet from acting in step: the
// share of a pause that chance adds, the second of a scan. Nothing secret
// depends on them.
//
// There is one source for the whole module, so that a simulation of the agent
// can put its own in place and replay a run from one seed. Outside of tests
// nobody replaces it. This is not a stable API.
package jitter
