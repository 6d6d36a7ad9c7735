// Package health remembers what the agent waits for, since when, and what went
// wrong last.
//
//	board := health.NewBoard(time.Now)
//	stream, err := retry.WaitForStream(ctx, js, "EXEC", board.Option())
//
// # What it guarantees
//
//   - A resource is waited for from its first failure until it is fine. The last
//     error of each stays, with its time, after it is fine again.
//   - It is bounded: [MaxResources] resources, each with at most [MaxName] bytes of
//     name and [MaxError] bytes of error. The ones that nobody
//     waits for make room, the longest unheard of first; what finds none is counted by [Board.Missed].
//   - Names and errors are one line of printable UTF-8. User, password and token are
//     taken out of every URL in them, and so is its query.
//
// # What it does not
//
//   - It knows no secrets. What an error says outside of a URL stays.
//   - It judges nothing: whether waiting is bad is for who reads it to say.
//   - A wait that ends because its context ended tells nobody. Who gives something up
//     for good calls [Board.Forget].
package health
