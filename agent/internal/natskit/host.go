package natskit

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// dialHost tries the host's addresses in random order: several brokers behind one
// name share the clients.
func dialHost(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, host) // an IP address is its own
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	var plain net.Dialer
	return dialAny(ctx, addresses, func(ctx context.Context, address string) (net.Conn, error) {
		return plain.DialContext(ctx, "tcp", net.JoinHostPort(address, port))
	})
}

// silence is how long a try may go without an answer before another one begins
// beside it. Where packets are lost, because a host or the way to it is down, the
// system repeats them after 1, 3 and 7 s only: a try of that time would find out
// late that the host is back.
const silence = time.Second

// try is one TCP connection, or why there is none.
type try struct {
	conn net.Conn
	err  error
}

// dialAny returns the first connection to any of addresses. It goes to the next one
// when one fails or is silent, and begins anew with those that are silent until ctx
// ends; when all have failed it returns.
func dialAny(ctx context.Context, addresses []string, dial func(ctx context.Context, address string) (net.Conn, error)) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	tries, open := make(chan try), 0
	begin := func(n int) {
		open++
		go func() {
			conn, err := dial(ctx, addresses[n%len(addresses)])
			tries <- try{conn, err}
		}()
	}
	defer func() { // those that lose
		cancel()
		for ; open > 0; open-- {
			if t := <-tries; t.err == nil {
				_ = t.conn.Close()
			}
		}
	}()
	again := time.NewTicker(silence)
	defer again.Stop()
	var failures []error
	begin(0)
	for begun := 1; ; {
		select {
		case t := <-tries:
			open--
			if t.err == nil {
				return t.conn, nil
			}
			failures = append(failures, t.err)
			if begun >= len(addresses) && open == 0 {
				return nil, errors.Join(failures...)
			}
			if begun >= len(addresses) {
				continue
			}
		case <-again.C:
		}
		begin(begun)
		begun++
	}
}
