package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kanade-go/kanade/retry"
)

var hostileNames = []string{
	"a", "b", "c", "A", "B", "con", "con.txt", "a.", ".a", "..", "../a", "a/b", `a\b`, "stuck/a", "a.json", "ü", "Ü",
	"sha256-" + strings.Repeat("0", 64), strings.Repeat("long", 60), "\x00", "a b", "lock", ".lock",
}

func (m *model) put(t *rapid.T) { m.putOne(rapid.SampledFrom(hostileNames).Draw(t, "name")) }

func (m *model) putOne(name string) {
	m.next++
	id := fmt.Sprintf("put-%d", m.next)
	before := m.box.Stats()
	err := m.box.Put(context.Background(), Record{Name: name, MsgID: id, Subject: "test.records", Data: []byte(id)})
	after := m.box.Stats()
	switch {
	case errors.Is(err, ErrFull):
		require.NotZero(m.t, m.limit)
		require.Equal(m.t, before.Rejected+1, after.Rejected)
		require.GreaterOrEqual(m.t, len(m.onDisk())+m.rubbish, m.limit, "it says that it is full")
	case errors.Is(err, ErrNameTaken):
		require.NotZero(m.t, m.foreign+m.rubbish, "only others take a name")
	case err != nil:
		require.NoError(m.t, err)
	case after.Kept > before.Kept:
		m.kept[id] = true
	default:
		require.Equal(m.t, before.Put+1, after.Put)
		m.owed[id] = true
	}
}

func (m *model) putWhileDraining(t *rapid.T) {
	names := rapid.SliceOfN(rapid.SampledFrom(hostileNames), 1, 4).Draw(t, "names")
	m.draining(time.Minute, func() {
		for _, name := range names {
			m.putOne(name)
			elapse(time.Second)
		}
	})
}

func (m *model) draining(d time.Duration, do func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.box.Drain(ctx, m) }()
	synctest.Wait()
	do()
	elapse(d)
	cancel()
	require.NoError(m.t, <-ended)
	m.unseen = m.unseen && !m.up()
}

func (m *model) drain(*rapid.T) { m.draining(2*rescanEvery, func() {}) }

func (m *model) up() bool { up, _ := m.link.State(); return up }

func (m *model) flush(*rapid.T) {
	tried := len(m.stream)
	_, err := m.box.Flush(context.Background(), m)
	m.unseen = false
	if !m.up() {
		require.Len(m.t, m.stream, tried, "nothing is tried while the connection is down")
		if m.box.Stats().Pending > 0 {
			require.ErrorIs(m.t, err, ErrNotConnected)
		}
	}
}

func (m *model) reopen(*rapid.T) {
	m.close()
	m.open()
}

func (m *model) changeBroker(t *rapid.T) {
	m.broker = rapid.SampledFrom([]string{
		"takes", "is full", "refuses", "refuses for good", "swallows", "loses acknowledgements",
	}).Draw(t, "broker")
}

func (m *model) changeConnection(t *rapid.T) { m.link.set(rapid.Bool().Draw(t, "up")) }

func (m *model) changeHook(t *rapid.T) { m.hookOK = rapid.Bool().Draw(t, "hook") }

// day is long enough for what is stuck to be tried again. It takes its time, so
// it does not come often.
func (m *model) day(t *rapid.T) {
	if rapid.IntRange(0, 5).Draw(t, "dice") == 0 {
		m.draining(stuckEvery+stuckJitter, func() {})
	}
}

// dropIn is what the reference release does.
func (m *model) dropIn(t *rapid.T) {
	m.next++
	id := fmt.Sprintf("foreign-%d", m.next)
	name := rapid.SampledFrom([]string{"a", "REQ-1", "req-1", "Ü"}).Draw(t, "name")
	data, err := json.Marshal(envelope{Name: name, MsgID: id, Subject: "test.records", Data: []byte(id)})
	require.NoError(m.t, err)
	if m.leave(name+fileSuffix, string(data)) {
		m.owed[id] = true
		m.foreign++
	}
}

func (m *model) dropInRubbish(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a", "b", "rubbish", hashedFile("A")}).Draw(t, "name")
	content := rapid.SampledFrom([]string{"", "{", "null", `{"subject":"*"}`, "\x00\x00\x00"}).Draw(t, "content")
	if m.leave(strings.TrimSuffix(name, fileSuffix)+fileSuffix, content) {
		m.rubbish++
	}
}

// leave writes a file, unless there is one.
func (m *model) leave(name, content string) bool {
	f, err := m.disk.OpenFile(path.Join(crashBox, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	_, err = f.Write([]byte(content))
	require.NoError(m.t, errors.Join(err, f.Close()))
	m.unseen = true
	return true
}

// hold keeps all files that are there open in another process for a minute, and
// gives the box the time to try again.
func (m *model) hold(*rapid.T) {
	var releases []func()
	for _, file := range m.onDisk() {
		releases = append(releases, m.disk.Hold(file))
	}
	m.draining(rescanEvery, func() {})
	for _, release := range releases {
		release()
	}
	m.draining(2*retry.DefaultBackoff().Max, func() {})
}
