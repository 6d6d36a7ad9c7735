// Package klp serves programs of the same host, such as an icon in the tray: over
// a named pipe on Windows, over a unix socket elsewhere. It speaks the agent's
// local protocol (JSON-RPC 2.0 in frames, see [wire.KLPMessage]).
//
// # Guarantees
//
//   - Who a client is says the operating system: the token of the pipe's client,
//     the credentials of the socket's peer. A client that it does not tell about
//     is let go without a word.
//   - Every request with an id gets one response, also one that panics, is one too
//     many, has wrong params, or asks for what does not fit into a frame. Those of a
//     connection come in the order of its requests; only the end of the log, which
//     waits for the disk, lets others pass.
//   - A frame has at most 1 MiB. A frame, a handshake and a write have a time to
//     be done in; a connection that nobody uses is closed.
//   - A user has at most 8 connections and 60 requests a minute, however many
//     connections they come over. Those who do not introduce themselves can only
//     push one another out.
//   - A client that reads nothing costs its own connection and nothing else: of the
//     state it gets the newest one, there is no queue.
//   - The end of the log is for those who may read it anyway: root or an
//     administrator, and the agent's own user.
//   - No user can put themselves in the agent's place: the pipe is the first
//     instance, and its instances are made by the agent's user and administrators
//     alone; the socket stands in a folder that nobody else may write to, or put
//     another one in the place of. A file that is not a socket is never replaced.
//   - Run returns when the last connection has ended. A disk that hangs is unknown
//     to its clients and holds up nothing; one goroutine waits for it, also after Run.
//
// # Limits
//
// A socket in use by another agent, or a file in its place, is waited for and
// reported once. On systems that do not tell who is at the other end of a socket
// there is no server. A lookup of a user's name that hangs holds up its connection;
// while so many of them hang that all places are taken, nobody is served.
//
//	server := klp.New(klp.Config{Endpoint: klp.Endpoint{Path: klp.DefaultPath}, PCID: "PC-1", Version: "1.2.3", Host: host, Log: tail, Logger: log})
//	err := server.Run(ctx)
package klp
