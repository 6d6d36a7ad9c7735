package agent_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
)

// Scripts in the object store are for a later release. Until then every command
// with one ends in one failure that says so, be the object there or not.
func TestAScriptObjectThatIsMissingOrHasAWrongDigestFailsOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	store, err := s.js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreScripts})
	require.NoError(t, err)
	_, err = store.PutString(t.Context(), "job/1", "echo hello")
	require.NoError(t, err)
	a, _ := s.start()
	for id, object := range map[string][2]string{
		"missing":      {"job/2", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
		"wrong-digest": {"job/1", "0000000000000000000000000000000000000000000000000000000000000000"},
		"no-digest":    {"job/1", ""},
	} {
		c := sh(id, "")
		c.ScriptObject, c.ScriptObjectSHA256 = object[0], object[1]
		s.send(c)
		s.send(c)
		r := s.result(id)
		require.EqualValues(t, wire.ExitFailed, r.ExitCode, id)
		require.Contains(t, r.Stderr, object[0], id)
		require.Empty(t, r.Stdout, id)
		s.pending(a, 0)
		s.eventually(func() bool { return a.Status().Commands.Duplicates > 0 }, "the second copy is not taken")
		require.Len(t, s.results(id), 1, id)
	}
}
