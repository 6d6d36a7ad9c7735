// Package subscribed keeps core subscriptions standing, those too that the broker
// has refused.
//
// # Guarantees
//
//   - A broker that gets new permissions while a connection stands does not take up
//     the subscriptions that it has refused on it. Where the transport tells of
//     refusals (OnDenied, as that of [retry.FromNATS]), each refused subject of a
//     [Set] is named once in the log and subscribed to anew after 2 s, then less and
//     less often, once a minute in the end: all that are refused with one flush. It
//     stands when a second has passed after the flush without a refusal.
//   - While nothing is refused, nothing is done.
//   - A subject that is left and subscribed to again has a history of its own: what
//     was found out about the older subscription counts for that one only.
//
// # Limits
//
// Where the broker has taken up a refused subscription at a reconnect, a message may
// come twice within the second in which that is found out.
//
//	s := subscribed.New(t, nil, log)
//	sub, err := s.Subscribe("agents.PC-1.ping", 64, answer)
//	err = s.Run(ctx) // makes anew what is refused
//	s.Drain(ctx)
package subscribed
