package agent_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatusTellsOfScriptObjects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	store := s.createScripts()
	digest := s.putScript(store, "job/1", "echo hello")
	a, _ := s.start()
	require.Zero(t, a.Status().Scripts)
	for _, id := range []string{"first", "second"} {
		s.send(byObject(id, "job/1", digest))
		require.Equal(t, "hello\n", s.result(id).Stdout)
	}
	s.send(byObject("missing", "job/2", digest))
	require.Equal(t, "hello\n", s.result("missing").Stdout, "the digest is what is asked for, and that is here")
	got := a.Status().Scripts
	require.Equal(t, 1, got.Files)
	require.Greater(t, got.Bytes, int64(10))
	require.EqualValues(t, 1, got.Fetched)
	require.GreaterOrEqual(t, got.Hits, uint64(3))
	require.False(t, got.NotKept)
}
