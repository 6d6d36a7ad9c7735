package update_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

// fleet is a broker with releases, and the keys of who makes them.
type fleet struct {
	t      *testing.T
	broker *jstest.Broker
	nc     *nats.Conn
	js     jetstream.JetStream
	store  jetstream.ObjectStore
	good   map[string][]byte // by version
	key    []byte            // private
	keys   string            // folder of the public one
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{t: t, broker: jstest.StartBroker(t), good: make(map[string][]byte), keys: t.TempDir()}
	f.nc = f.broker.Connect()
	js, err := jetstream.New(f.nc, jetstream.WithDefaultTimeout(patience))
	require.NoError(t, err)
	f.js = js
	for _, s := range wire.Streams() {
		_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: s.Name, Subjects: s.Subjects})
		require.NoError(t, err)
	}
	for _, b := range wire.Buckets() {
		_, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: b.Name, History: b.History})
		require.NoError(t, err)
	}
	f.store, err = js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreAgentReleases})
	require.NoError(t, err)
	var public []byte
	f.key, public, err = agent.NewReleaseKey()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(f.keys, "fleet.pub"), public, 0o600))
	for _, version := range []string{"1.0.0", "2.0.0"} {
		f.good[version] = f.faulty(version, "none")
		f.publish(version, f.good[version])
	}
	return f
}

// program is built once: versions and faults are written behind its end.
var program = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "agent")
	if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "./testdata/updating").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(path)
})

// faulty is a release with a fault of its own; see testdata/updating.
func (f *fleet) faulty(version, fault string) []byte {
	bare, err := program()
	require.NoError(f.t, err)
	end := []byte("\nFAULT " + version + " " + fault)
	return slices.Concat(bare, bytes.Repeat([]byte{'x'}, 64-len(end)), end)
}

func objectOf(version string) string {
	return version + "-" + wire.OSFamily(runtime.GOOS) + "-" + wire.AgentArch(runtime.GOARCH)
}

func (f *fleet) manifest(version string, data []byte, keyPEM []byte, minimum ...string) string {
	sum := sha256.Sum256(data)
	key, err := agent.ReleasePrivateKey(keyPEM)
	require.NoError(f.t, err)
	m, err := agent.SignRelease(agent.Release{
		Name: "kanade-agent", Version: version, OS: wire.OSFamily(runtime.GOOS), Arch: wire.AgentArch(runtime.GOARCH),
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), MinimumVersion: strings.Join(minimum, ""),
	}, key)
	require.NoError(f.t, err)
	return string(m)
}

// put uploads data under a version, with this manifest.
func (f *fleet) put(version string, data []byte, manifest string) {
	_, err := f.store.Put(f.t.Context(), jetstream.ObjectMeta{
		Name: objectOf(version), Metadata: map[string]string{"kanade-manifest": manifest},
	}, bytes.NewReader(data))
	require.NoError(f.t, err)
}

func (f *fleet) publish(version string, data []byte) {
	f.put(version, data, f.manifest(version, data, f.key))
}

// damage gives the object's description another digest than its bytes have.
func (f *fleet) damage(version string) {
	info, err := f.store.GetInfo(f.t.Context(), objectOf(version))
	require.NoError(f.t, err)
	sum := sha256.Sum256([]byte("something else"))
	info.Digest = "SHA-256=" + base64.URLEncoding.EncodeToString(sum[:])
	f.describe(version, info)
}

// describe replaces the object's description.
func (f *fleet) describe(version string, info *jetstream.ObjectInfo) {
	data, err := json.Marshal(info)
	require.NoError(f.t, err)
	m := nats.NewMsg("$O." + wire.StoreAgentReleases + ".M." + base64.URLEncoding.EncodeToString([]byte(objectOf(version))))
	m.Header.Set("Nats-Rollup", "sub")
	m.Data = data
	_, err = f.js.PublishMsg(f.t.Context(), m)
	require.NoError(f.t, err)
}
