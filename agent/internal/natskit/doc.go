// Package natskit is what the agent adds to nats.go: how it dials, and how long
// the connection has been lost.
package natskit
