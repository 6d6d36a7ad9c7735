package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/exec"
	"github.com/kanade-go/kanade/retry/jstest"
)

// login is a user with a password.
type login struct{ user, password string }

func (l login) Options(context.Context) ([]nats.Option, error) {
	return []nats.Option{nats.UserInfo(l.user, l.password)}, nil
}

// configFor is a host that may use url as agent.
func configFor(t *testing.T, url string) Config {
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return Config{
		PCID: "pc-1", StateDir: dir, Staging: filepath.Join(dir, "agent-scripts"), Shells: []exec.Shell{exec.Sh, exec.Cmd},
		Broker: natskit.Options{Servers: []string{url}, Name: "doctor", Credentials: login{"agent", "a"}}, ConnectWait: 30 * time.Second,
	}
}

// onlyBroker leaves out what takes a second and is tested elsewhere.
func onlyBroker(ctx context.Context, cfg Config) (found []Finding) {
	d := &doctor{Config: cfg, report: report{yield: func(f Finding) bool { found = append(found, f); return true }}}
	d.broker(ctx)
	return found
}

func at(level string, found []Finding) (texts []string) {
	for _, f := range found {
		if f.Level == level {
			texts = append(texts, f.Check+": "+f.Subject+f.Text)
		}
	}
	return texts
}

func find(t *testing.T, found []Finding, check string) Finding {
	t.Helper()
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Check == check })
	require.GreaterOrEqual(t, i, 0, "%s in %v", check, found)
	return found[i]
}

// users is a broker's configuration: an administrator, and the agent's user with
// these permissions.
func users(permissions string) jstest.BrokerOption {
	return jstest.WithConfig(`authorization { users: [
  { user: admin, password: a }
  { user: agent, password: a, ` + permissions + ` }
] }`)
}

func everything(t *testing.T, js jetstream.JetStream) {
	ctx := t.Context()
	for _, s := range wire.Streams() {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects, MaxMsgsPerSubject: s.MaxMsgsPerSubject})
		require.NoError(t, err)
	}
	for _, b := range wire.Buckets() {
		_, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: b.Name, History: b.History})
		require.NoError(t, err)
	}
	for _, o := range wire.ObjectStores() {
		_, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: o.Name})
		require.NoError(t, err)
	}
}
