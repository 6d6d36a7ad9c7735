package denytest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kanade-go/kanade/retry/jstest"
)

// generous bounds what takes milliseconds on an idle machine.
const generous = time.Minute

// Broker has permissions that change while it runs.
type Broker struct {
	*jstest.Broker
	t      testing.TB
	file   string
	system *nats.Conn
}

// StartBroker starts a broker for an agent who may subscribe to what is allowed,
// and for a boss who may do anything.
func StartBroker(t testing.TB, allowed ...string) *Broker {
	t.Helper()
	dir := t.TempDir()
	b := &Broker{t: t, file: filepath.Join(dir, "agent.conf")}
	b.write(allowed)
	// Folders of one test are neighbours, and a server takes no absolute path.
	b.Broker = jstest.StartBroker(t, jstest.WithConfig(fmt.Sprintf(`
		system_account: SYS
		accounts {
			SYS { users: [ { user: system, password: s } ] }
			FLEET { jetstream: enabled, users: [
				{ user: boss, password: b }
				{ user: agent, password: a, permissions { include "../%s/agent.conf" } }
			] }
		}`, filepath.Base(dir))))
	b.system = b.Connect(nats.UserInfo("system", "s"))
	return b
}

// Agent connects as the agent.
func (b *Broker) Agent() *nats.Conn {
	return b.Connect(nats.UserInfo("agent", "a"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
}

// Boss connects as somebody who may do anything.
func (b *Broker) Boss() *nats.Conn { return b.Connect(nats.UserInfo("boss", "b")) }

func (b *Broker) write(allowed []string) {
	b.t.Helper()
	text := `subscribe: { allow: ["_INBOX.>", "` + strings.Join(allowed, `", "`) + `"] }`
	if err := os.WriteFile(b.file, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// Allow gives the agent other permissions; its connection stays.
func (b *Broker) Allow(allowed ...string) {
	b.t.Helper()
	b.write(allowed)
	var who struct {
		Server struct {
			ID string `json:"id"`
		} `json:"server"`
	}
	if err := json.Unmarshal(b.ask("$SYS.REQ.SERVER.PING"), &who); err != nil {
		b.t.Fatal(err)
	}
	if reply := b.ask("$SYS.REQ.SERVER." + who.Server.ID + ".RELOAD"); strings.Contains(string(reply), `"error"`) {
		b.t.Fatalf("reload: %s", reply)
	}
}

func (b *Broker) ask(subject string) []byte {
	b.t.Helper()
	m, err := b.system.Request(subject, nil, generous)
	if err != nil {
		b.t.Fatal(err)
	}
	return m.Data
}
