package natskit

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// everyFile names the same file for each purpose.
func everyFile(path string) map[string]func(context.Context) error {
	login := func(l Login) func(context.Context) error {
		return func(ctx context.Context) error { _, err := l.Options(ctx); return err }
	}
	files := func(f TLSFiles) func(context.Context) error {
		return func(ctx context.Context) error { _, err := f.options(ctx); return err }
	}
	return map[string]func(context.Context) error{
		"token": login(Login{TokenFile: path}), "password": login(Login{User: "u", PasswordFile: path}),
		"seed": login(Login{NKeyFile: path}), "creds": login(Login{CredsFile: path}),
		"ca": files(TLSFiles{CA: path}), "certificate": files(TLSFiles{Cert: path, Key: path}),
	}
}

func TestAFolderIsNoFileWithASecret(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	for name, read := range everyFile(path) {
		err := read(t.Context())
		require.ErrorIs(t, err, errNotRegular, name)
		require.ErrorContains(t, err, path, name)
	}
}

// The read before is on a share that is away: the goroutine that hangs there is the only
// one, and nobody waits for it longer than there is time.
func TestAFileThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	put(t, path, "sesame")
	synctest.Test(t, func(t *testing.T) {
		answers, err := reads.begin(t.Context(), path)
		require.NoError(t, err)
		for name, read := range everyFile(path) {
			ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
			began := time.Now()
			err := read(ctx)
			cancel()
			require.ErrorIs(t, err, errHangs, name)
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			require.ErrorContains(t, err, path, name)
			require.Equal(t, dialTimeout, time.Since(began), name)
		}
		answers()
		opts, err := Login{TokenFile: path}.Options(t.Context())
		require.NoError(t, err, "it is back")
		require.Len(t, opts, 1)
	})
	reads.mu.Lock()
	defer reads.mu.Unlock()
	require.NotContains(t, reads.ended, path, "nothing is kept of what was read")
}

func TestTheSizeOfAFileIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	put(t, path, strings.Repeat("x", 11))
	_, err := readFile(t.Context(), path, 10)
	require.EqualError(t, err, path+": larger than 10 bytes")
	data, err := readFile(t.Context(), path, 11)
	require.NoError(t, err)
	require.Len(t, data, 11)
}
