package outbox

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// onDisk maps message IDs to the files of their records.
func (m *model) onDisk() map[string]string {
	found := map[string]string{}
	for _, file := range m.files() {
		f, err := m.disk.OpenFile(file, os.O_RDONLY, 0)
		require.NoError(m.t, err)
		r, err := JSONEnvelope{}.Decode("", f)
		require.NoError(m.t, f.Close())
		if err == nil && plainSubject(r.Subject) {
			require.NotContains(m.t, found, r.MsgID, "one file a record")
			found[r.MsgID] = file
		}
	}
	return found
}

func (m *model) files() (all []string) {
	for _, dir := range []string{crashBox, crashStuck} {
		list, _ := m.disk.ReadDir(dir)
		for _, d := range list {
			if isRecordFile(d) {
				all = append(all, path.Join(dir, d.Name()))
			}
		}
	}
	return all
}

// check is what holds at any time.
func (m *model) check(*rapid.T) {
	disk := m.onDisk()
	lost := uint64(0)
	for id := range m.owed {
		if disk[id] == "" && !m.stream[id] {
			lost++
		}
	}
	dropped := m.dropped + m.box.Stats().Dropped
	require.LessOrEqual(m.t, lost, dropped, "what is neither on disk nor in the stream was dropped and counted")
	for id := range disk {
		require.False(m.t, m.stream[id] && m.hooked[id], "%s is delivered and agreed upon, and still on disk", id)
	}
	for id := range m.kept {
		require.NotContains(m.t, disk, id, "the first record stays")
		require.NotContains(m.t, m.stream, id, "the first record stays")
	}
	m.checkStats()
	m.checkReasons()
}

func (m *model) checkStats() {
	if m.unseen {
		return
	}
	var pending, stuck, size int
	for _, file := range m.files() {
		info, err := m.disk.Stat(file)
		require.NoError(m.t, err)
		if path.Dir(file) == crashStuck {
			stuck++
			continue
		}
		pending++
		size += int(info.Size())
	}
	s := m.box.Stats()
	require.Equal(m.t, []int{pending, stuck, size, 0}, []int{s.Pending, s.Stuck, int(s.Bytes), s.InFlight}, "pending, stuck, bytes, in flight")
	if m.limit > 0 && m.foreign+m.rubbish == 0 {
		require.LessOrEqual(m.t, pending+stuck, m.limit)
	}
}

// checkReasons: what is stuck says why.
func (m *model) checkReasons() {
	for _, file := range m.files() {
		if path.Dir(file) == crashStuck {
			why, err := readReason(m.disk, reasonFile(file))
			require.NoError(m.t, err)
			require.NotEmpty(m.t, why.Why)
			require.Positive(m.t, why.Attempts)
		}
	}
}

// finale: whatever has happened, once all is well again everything is delivered,
// and only what is no record stays.
func (m *model) finale(t *rapid.T) {
	m.broker, m.hookOK = "takes", true
	m.link.set(true)
	m.reopen(t)
	m.draining(stuckEvery+stuckJitter, func() {})
	m.check(t)
	require.Zero(m.t, m.box.Stats().Pending)
	rubbish := len(m.files())
	require.LessOrEqual(m.t, uint64(m.rubbish-rubbish), m.dropped+m.box.Stats().Dropped)
	require.Equal(m.t, rubbish, m.box.Stats().Stuck)
	require.Equal(m.t, rubbish, m.box.Stats().Corrupt)
	require.Empty(m.t, m.onDisk())
	left := slices.DeleteFunc(m.names(), func(name string) bool {
		return strings.HasSuffix(name, fileSuffix) || strings.HasSuffix(name, reasonSuffix)
	})
	require.ElementsMatch(m.t, []string{lockName}, left, "nothing else is left over")
}

func (m *model) names() (all []string) {
	for _, dir := range []string{crashBox, crashStuck} {
		list, _ := m.disk.ReadDir(dir)
		for _, d := range list {
			if !d.IsDir() {
				all = append(all, d.Name())
			}
		}
	}
	return all
}
