package jstest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Cluster is several real nats-server processes that keep JetStream together. Each node is a Broker of its own, to be
// stopped, killed, paused and started; Broker.Wipe makes a node come back empty.
type Cluster struct {
	Nodes []*Broker
	t     testing.TB
}

// clusterReady bounds the first election; it takes 1–3 s on an idle machine.
const clusterReady = 60 * time.Second

// StartCluster starts a cluster of n nodes and returns when JetStream has a leader. With three nodes a stream with three
// replicas outlives the loss of one.
func StartCluster(t testing.TB, n int, opts ...BrokerOption) *Cluster {
	t.Helper()
	routes := make([]string, n)
	for i := range routes {
		port, err := leasePort()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(port.release)
		routes[i] = address(port.number)
	}
	c := &Cluster{t: t}
	for _, route := range routes {
		cluster := WithConfig(fmt.Sprintf("cluster { name: jstest, listen: %q, routes: [%s] }", route, quoteRoutes(routes)))
		c.Nodes = append(c.Nodes, NewBroker(t, append([]BrokerOption{cluster}, opts...)...))
	}
	for _, node := range c.Nodes {
		node.Start()
	}
	c.AwaitReady()
	return c
}

func quoteRoutes(routes []string) string {
	urls := make([]string, len(routes))
	for i, r := range routes {
		urls[i] = fmt.Sprintf("%q", "nats-route://"+r)
	}
	return strings.Join(urls, ", ")
}

// AwaitReady returns when the running nodes answer JetStream requests.
func (c *Cluster) AwaitReady() {
	c.t.Helper()
	nc := c.Connect(nats.RetryOnFailedConnect(true))
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		c.t.Fatalf("jstest: open jetstream: %v", err)
	}
	for end := time.Now().Add(clusterReady); ; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := js.AccountInfo(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("jstest: start cluster: no leader within %s: %v", clusterReady, err)
		}
		time.Sleep(readyPoll)
	}
}

// URL is the addresses of all nodes, for clients.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		urls[i] = node.URL()
	}
	return strings.Join(urls, ",")
}

// Connect is Broker.Connect for a connection that may use every node, beginning with the first.
func (c *Cluster) Connect(opts ...nats.Option) *nats.Conn {
	c.t.Helper()
	all := append([]nats.Option{func(o *nats.Options) error {
		o.Url, o.Servers = "", strings.Split(c.URL(), ",")
		return nil
	}, nats.DontRandomize()}, opts...)
	return c.Nodes[0].Connect(all...)
}

// Node returns the node with this server name, as it stands in the information about a stream or a consumer.
func (c *Cluster) Node(serverName string) *Broker {
	c.t.Helper()
	for _, node := range c.Nodes {
		if node.name == serverName {
			return node
		}
	}
	c.t.Fatalf("jstest: no node is called %q", serverName)
	return nil
}

// Name is the broker's server name.
func (b *Broker) Name() string { return b.name }

// Running reports whether the broker's process runs; a paused one does.
func (b *Broker) Running() bool { return b.process != nil }
