// Package statedir owns the folder that everything durable of an agent lives
// in: its permissions, its lock, and the version of what is written there.
//
// [Open] takes whatever folder it is given and closes it to everybody else; whether it is
// an agent's, or somebody else's such as /etc, says [Foreign].
package statedir
