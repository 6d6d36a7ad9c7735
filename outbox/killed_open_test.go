package outbox

import (
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
)

// A process is killed in its first Open, between the making of the folder and the
// sync of its name. The next one finds the folder there, and what it confirms must
// not go with the folder.
func TestAFolderThatAKilledProcessHasMadeSurvives(t *testing.T) {
	t.Parallel()
	for kill := 1; kill <= 6; kill++ {
		disk := faultfs.New(0)
		require.NoError(t, atomicfile.MkdirAll(disk, path.Dir(crashBox), 0o700))
		disk.KillAt(disk.Steps() + kill)
		if first, err := Open(crashBox, WithFS(disk)); err == nil {
			require.NoError(t, first.Close())
		}
		disk.KillAt(disk.Steps())
		require.ErrorIs(t, disk.Event(), faultfs.ErrKilled)
		disk.Restart()

		box, err := Open(crashBox, WithFS(disk))
		require.NoError(t, err)
		require.NoError(t, box.Put(t.Context(), Record{Name: "a", Subject: "s", Data: []byte("x")}))
		require.NoError(t, disk.EachSurvivor(func(found *faultfs.FS) error {
			_, err := found.Stat(path.Join(crashBox, "a.json"))
			return err
		}), "killed after %d steps", kill)
		require.NoError(t, box.Close())
	}
}
