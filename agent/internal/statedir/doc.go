// Package statedir owns the folder that everything durable of an agent lives
// in: its permissions, its lock, and the version of what is written there.
package statedir
