package jstest

import "testing"

// Reconfigure replaces what the options of NewBroker said, for the next Start: other credentials, another certificate.
// The port and what is stored stay. On a running broker it fails the test.
func (b *Broker) Reconfigure(opts ...BrokerOption) {
	b.t.Helper()
	if b.process != nil {
		b.t.Fatal("jstest: configure broker: it is running, stop it first")
	}
	b.writeConfig(opts)
}

// FreePort is a loopback port that no other test takes until the end of this one: for a second listener of a broker,
// such as one for WebSockets.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := leasePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.release)
	return port.number
}
