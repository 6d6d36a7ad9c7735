package statefile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

type document struct {
	A int    `json:"a"`
	B string `json:"b"`
}

var someDocument = document{A: 1, B: "<&> \u2028 é\x00\""}

func aFile(t *testing.T) *File {
	t.Helper()
	return &File{FS: atomicfile.OS, Path: filepath.Join(t.TempDir(), "a", "b", "doc.json"), PCID: "PC-1"}
}

func TestADocumentComesBack(t *testing.T) {
	t.Parallel()
	for _, pcID := range []string{"PC-1", ""} {
		f := aFile(t)
		f.PCID = pcID
		got := document{}
		found, err := f.Load(&got, nil)
		require.NoError(t, err)
		require.False(t, found)
		require.NoError(t, f.Save(someDocument))
		found, err = f.Load(&got, func() error { return nil })
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, someDocument, got)
		requirePrivate(t, f.Path)
	}
}

func TestWhatCannotBeEncodedIsNotWritten(t *testing.T) {
	t.Parallel()
	f := aFile(t)
	require.ErrorContains(t, f.Save(func() {}), "encode: ")
	require.NoFileExists(t, f.Path)
}

func TestAFileThatCannotBeUsedIsSetAside(t *testing.T) {
	t.Parallel()
	good, err := seal("PC-1", someDocument)
	require.NoError(t, err)
	another := errors.New("of another bucket")
	for name, c := range map[string]struct {
		old, by string // what is changed of a good file
		data    []byte // without a change: the file
		check   error
		is      error
	}{
		"empty":           {is: ErrDamaged},
		"zeros":           {data: make([]byte, 4096), is: ErrDamaged},
		"null":            {data: []byte("null"), is: ErrDamaged},
		"torn":            {data: good[:len(good)/2], is: ErrDamaged},
		"a changed value": {old: `"a":1`, by: `"a":2`, is: ErrDamaged},
		"a changed sum":   {old: `"sha256":"`, by: `"sha256":"0`, is: ErrDamaged},
		"no format":       {old: `"format":1`, by: `"format":0`, is: ErrDamaged},
		"no such format":  {old: `"format":1`, by: `"format":"1"`, is: ErrDamaged},
		"newer":           {old: `"format":1`, by: `"format":2`, is: ErrNewer},
		"another host":    {old: "PC-1", by: "PC-2", is: ErrForeign},
		"another type":    {data: sealed(t, "text"), is: ErrDamaged},
		"as its owner":    {data: good, check: another, is: another},
		"too large":       {is: ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := aFile(t)
			require.NoError(t, os.MkdirAll(filepath.Dir(f.Path), 0o700))
			if c.old != "" {
				c.data = bytes.Replace(good, []byte(c.old), []byte(c.by), 1)
				require.NotEqual(t, good, c.data)
			}
			require.NoError(t, os.WriteFile(f.Path, c.data, 0o600))
			if name == "too large" {
				require.NoError(t, os.Truncate(f.Path, MaxBytes+1))
			}
			require.NoError(t, os.WriteFile(f.Path+BrokenSuffix, []byte("an earlier one"), 0o600))
			check := func() error { return c.check }
			found, err := f.Load(new(document), check)
			require.ErrorIs(t, err, c.is)
			require.False(t, found)
			require.False(t, f.IsUnread())
			aside, err := os.Stat(f.Path + BrokenSuffix)
			require.NoError(t, err)
			if name != "too large" {
				require.EqualValues(t, len(c.data), aside.Size(), "nothing is lost")
			}
			found, err = f.Load(new(document), check)
			require.NoError(t, err, "once")
			require.False(t, found)
			require.NoError(t, f.Save(someDocument))
		})
	}
}

func sealed(t *testing.T, body any) []byte {
	t.Helper()
	data, err := seal("PC-1", body)
	require.NoError(t, err)
	return data
}

// blindFS cannot read, or not rename to some names, as long as it is told so.
type blindFS struct {
	atomicfile.FS
	blind bool
	stuck string
}

func (f *blindFS) OpenFile(name string, flag int, perm os.FileMode) (atomicfile.File, error) {
	if f.blind && flag == os.O_RDONLY {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrPermission}
	}
	return f.FS.OpenFile(name, flag, perm)
}

func (f *blindFS) Rename(from, to string) error {
	if f.stuck != "" && strings.HasSuffix(to, f.stuck) {
		return &os.PathError{Op: "rename", Path: from, Err: os.ErrExist}
	}
	return f.FS.Rename(from, to)
}

// blinded is a file that is there and cannot be read.
func blinded(t *testing.T, test func(t *testing.T, f *File, disk *blindFS)) {
	t.Helper()
	t.Parallel()
	f := aFile(t)
	require.NoError(t, f.Save(someDocument))
	disk := &blindFS{FS: f.FS, blind: true}
	f.FS = disk
	synctest.Test(t, func(t *testing.T) {
		require.False(t, f.IsUnread(), "nobody has tried")
		_, err := f.Load(new(document), nil)
		require.ErrorIs(t, err, ErrUnreadable)
		require.ErrorIs(t, err, os.ErrPermission)
		require.True(t, f.IsUnread())
		test(t, f, disk)
	})
}

func TestAFileThatCannotBeReadIsReadLater(t *testing.T) {
	blinded(t, func(t *testing.T, f *File, disk *blindFS) {
		time.Sleep(ReadAgainFor - 1)
		_, err := f.Load(new(document), nil)
		require.ErrorIs(t, err, ErrUnreadable)
		disk.blind = false
		time.Sleep(time.Hour)
		var got document
		found, err := f.Load(&got, nil)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, someDocument, got)
		require.False(t, f.IsUnread())
	})
}

func TestAFileThatCanNeverBeReadIsSetAside(t *testing.T) {
	blinded(t, func(t *testing.T, f *File, disk *blindFS) {
		disk.stuck = UnreadableSuffix
		time.Sleep(ReadAgainFor)
		_, err := f.Load(new(document), nil)
		require.ErrorIs(t, err, ErrUnreadable, "it cannot even be set aside")
		require.ErrorIs(t, err, os.ErrPermission)
		require.ErrorIs(t, err, os.ErrExist)
		require.True(t, f.IsUnread())
		disk.stuck = ""
		_, err = f.Load(new(document), nil)
		require.ErrorIs(t, err, ErrAbandoned)
		require.NotErrorIs(t, err, ErrUnreadable)
		require.False(t, f.IsUnread())
		require.FileExists(t, f.Path+UnreadableSuffix)
		disk.blind = false
		found, err := f.Load(new(document), nil)
		require.NoError(t, err)
		require.False(t, found)
	})
}

// What is damaged and cannot be set aside must not be written over either.
func TestADamagedFileThatStaysWhereItIs(t *testing.T) {
	t.Parallel()
	f := aFile(t)
	require.NoError(t, f.Save("of another type"))
	f.FS = &blindFS{FS: f.FS, stuck: BrokenSuffix}
	_, err := f.Load(new(document), nil)
	require.ErrorIs(t, err, ErrUnreadable)
	require.ErrorIs(t, err, ErrDamaged)
	require.True(t, f.IsUnread())
	require.FileExists(t, f.Path)
}
