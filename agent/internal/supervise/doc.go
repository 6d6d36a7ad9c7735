// Package supervise runs the long-lived parts of the agent and makes sure that
// none of them stays dead in silence.
//
// A [Group] owns its goroutines: Stop returns when the last of them has ended.
// A task that fails or panics under [Restart] is logged with its stack and
// started again after a growing pause; under [Fatal] its error ends the group.
package supervise
