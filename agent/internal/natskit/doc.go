// Package natskit is what the agent adds to nats.go: how it dials and as whom,
// how long the connection has been lost, and when it has to prove itself.
//
// # What it guarantees
//
//   - [Dial] returns at once and connects in the background for ever: an absent
//     broker, refused credentials, a file that is not there yet or a proxy that
//     says no are logged once each and tried again. A broker that was away for up to
//     15 minutes is reached within 1 s of being back, 4 s after a longer absence, at a
//     time that chance decides: a fleet does not return in lockstep, nor does that of
//     a cluster's dead node come to the others so. Failed logins are spread further
//     (adr/0018).
//   - Credentials, client certificate, key and authorities are read again before
//     every attempt: what was rotated on disk counts without a restart, and what is
//     there in half is an error: nothing of it is sent, and nobody is logged in as
//     nobody.
//   - A publish while there is no connection fails at once instead of waiting in
//     a buffer to be sent late.
//   - A broker that freezes is noticed within 45 s (two pings, 15 s apart, without
//     an answer), one that was lost in a sleep or with a network within seconds
//     of the host's return ([Watch]).
//   - Subscriptions that the broker refuses because there are too many, and does not
//     name, are asked for again on a new connection, after a minute, then less and less
//     often, every 8 to 16 minutes in the end ([Conn.Crowded]).
//   - A call into a connection of somebody else ([Borrow]) ends within 2 s, or with
//     its context, even where nats.go holds the connection's lock for a write to a
//     broker that does not read; settings that break these promises are named
//     ([Borrowed.Warn]).
//   - No password, token or seed is in a log or an error, even if it was in the
//     URL of a server or a proxy.
//
// # What it does not
//
//   - The environment's HTTPS_PROXY, HTTP_PROXY and NO_PROXY count for wss:// and
//     ws:// only, and are read once. nats:// and tls:// go through a proxy only if
//     it is configured by name.
//   - The system's certificate authorities are loaded once for each process; only
//     those of a file of one's own ([TLSFiles]) are read again.
//   - What blocks on a borrowed connection cannot be ended, only left: it returns
//     with the write, or when the connection's owner closes it.
//   - Nothing here looks at credentials while the connection stands.
package natskit
