// Package denytest refuses subscriptions, for tests: [Transport] as a broker does,
// over any other transport, and [Broker] with a real one, whose permissions change
// while it runs.
package denytest
