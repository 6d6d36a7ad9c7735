package statedir

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeld(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	expect := func(want bool) {
		t.Helper()
		is, err := Held(path)
		require.NoError(t, err)
		require.Equal(t, want, is)
	}
	expect(false)
	require.NoDirExists(t, path, "looking makes nothing")
	d, err := Open(path)
	require.NoError(t, err)
	expect(true)
	expect(true)
	require.NoError(t, d.Close())
	expect(false)
}

// A look must never be why an agent does not start.
func TestOpenBesideThoseWhoLook(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	var looking sync.WaitGroup
	stop := make(chan struct{})
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := Held(path); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 30 {
		d, err := Open(path)
		require.NoError(t, err)
		require.NoError(t, d.Close())
	}
	close(stop)
	looking.Wait()
}
