// Package agenttest lets an embedder test a handler, a runner or a verifier
// through the agent's whole command path, outbox included, without a broker and
// without a network.
//
// It guarantees what the agent guarantees: a command that Send takes has exactly
// one result. The state lives in a folder of the test. It does not imitate what
// a network does to messages; retry/jstest has a real broker for that.
package agenttest
