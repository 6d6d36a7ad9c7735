package scripts

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/outbox/atomicfile/faultfs"
	"github.com/kanade-go/kanade/retry/jstest"
)

// onFakes runs test on virtual time.
func onFakes(t *testing.T, test func(t *testing.T, broker *jstest.Fake, c *Cache, requests *counted)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broker := jstest.NewFake()
		reader := &counted{ObjectReader: broker.Conn()}
		test(t, broker, Open(Config{Dir: "/script_cache", FS: faultfs.New(0), Objects: reader, Transport: broker.Conn()}), reader)
	})
}

func createStore(t *testing.T, broker *jstest.Fake) jetstream.ObjectStore {
	t.Helper()
	store, err := broker.JetStream().CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: wire.StoreScripts})
	require.NoError(t, err)
	return store
}

// A store that is missing is no answer, for however long. One that is there and stays empty is, after a while.
func TestANewStoreIsGivenTimeToBeFilled(t *testing.T) {
	onFakes(t, func(t *testing.T, broker *jstest.Fake, c *Cache, requests *counted) {
		done := make(chan error, 1)
		go func() { done <- c.Prefetch(t.Context(), "job/1", sumOf("echo hello")) }()
		time.Sleep(7 * 24 * time.Hour)
		synctest.Wait()
		require.Empty(t, done)
		require.Less(t, requests.infos.Load(), int64(7*24*3600/20), "it is asked for too often")
		createStore(t, broker)
		created := time.Now()
		err := <-done
		require.ErrorIs(t, err, ErrMissing)
		require.GreaterOrEqual(t, time.Since(created), newStoreGrace)
		require.Less(t, time.Since(created), newStoreGrace+90*time.Second)
	})
}

func TestAStoreThatWasThereIsGivenNone(t *testing.T) {
	onFakes(t, func(t *testing.T, broker *jstest.Fake, c *Cache, requests *counted) {
		createStore(t, broker)
		begun := time.Now()
		require.ErrorIs(t, c.Prefetch(t.Context(), "job/1", sumOf("echo hello")), ErrMissing)
		require.Zero(t, time.Since(begun))
		require.EqualValues(t, 1, requests.infos.Load())
	})
}

// A broker that came back may have lost its data, and the store be there again, but not yet full.
func TestABrokerThatComesBackIsGivenTimeToBeFilled(t *testing.T) {
	onFakes(t, func(t *testing.T, broker *jstest.Fake, c *Cache, requests *counted) {
		store := createStore(t, broker)
		broker.Disconnect()
		done := make(chan error, 2)
		go func() { done <- c.Prefetch(t.Context(), "job/1", sumOf("echo hello")) }()
		time.Sleep(time.Hour)
		broker.Reconnect()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.NotZero(t, requests.infos.Load())
		require.Empty(t, done)
		_, err := store.PutString(t.Context(), "job/1", "echo hello")
		require.NoError(t, err)
		require.NoError(t, <-done)
		require.ErrorIs(t, c.Prefetch(t.Context(), "job/2", sumOf("echo hello, too")), ErrMissing)
	})
}

func TestAWeekWithoutABrokerCostsNothingButTime(t *testing.T) {
	onFakes(t, func(t *testing.T, broker *jstest.Fake, c *Cache, requests *counted) {
		_, err := createStore(t, broker).PutString(t.Context(), "job/1", "echo hello")
		require.NoError(t, err)
		broker.Disconnect()
		done := make(chan error, 1)
		go func() { done <- c.Prefetch(t.Context(), "job/1", sumOf("echo hello")) }()
		time.Sleep(7 * 24 * time.Hour)
		synctest.Wait()
		require.Empty(t, done)
		back := time.Now()
		broker.Reconnect()
		require.NoError(t, <-done)
		require.Less(t, time.Since(back), time.Second, "it waits although the broker is there")
	})
}

// The same script under another name, that of an object which is there, is not held up by one which is waited for.
func TestAnObjectThatIsWaitedForHoldsUpNoOther(t *testing.T) {
	onFakes(t, func(t *testing.T, broker *jstest.Fake, c *Cache, _ *counted) {
		done := make(chan error, 10)
		for i := range cap(done) {
			go func() { done <- c.Prefetch(t.Context(), string(rune('a'+i)), sumOf("echo hello")) }()
		}
		time.Sleep(time.Second)
		_, err := createStore(t, broker).PutString(t.Context(), "here", "echo hello")
		require.NoError(t, err)
		created := time.Now()
		require.NoError(t, c.Prefetch(t.Context(), "here", sumOf("echo hello")))
		require.Less(t, time.Since(created), newStoreGrace)
		for range cap(done) {
			require.ErrorIs(t, <-done, ErrMissing)
		}
	})
}

// Four fetches at a time, whatever is asked for; the others go on when one of them ends.
func TestFetchesHaveABound(t *testing.T) {
	onFakes(t, func(t *testing.T, broker *jstest.Fake, c *Cache, _ *counted) {
		store := createStore(t, broker)
		for i := range 20 {
			script := string(rune('a' + i))
			_, err := store.PutString(t.Context(), script, script)
			require.NoError(t, err)
		}
		broker.Disconnect()
		done := make(chan error, 20)
		for i := range 20 {
			script := string(rune('a' + i))
			go func() { done <- c.Prefetch(t.Context(), script, sumOf(script)) }()
		}
		stopped, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error, 2)
		go func() { gaveUp <- c.Prefetch(stopped, "z", sumOf("z")) }() // waits for a place
		synctest.Wait()
		go func() { gaveUp <- c.Prefetch(stopped, "z", sumOf("z")) }() // waits for its turn
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, c.places, maxFetches)
		cancel()
		require.ErrorIs(t, <-gaveUp, context.Canceled)
		require.ErrorIs(t, <-gaveUp, context.Canceled)
		broker.Reconnect()
		for range 20 {
			require.NoError(t, <-done)
		}
		require.Empty(t, c.places)
		require.Empty(t, c.turns.all)
	})
}

// unreadable is a disk on which files cannot be opened to be read.
type unreadable struct{ atomicfile.FS }

func (u unreadable) OpenFile(name string, flag int, perm fs.FileMode) (atomicfile.File, error) {
	if flag == 0 {
		return nil, fs.ErrPermission
	}
	return u.FS.OpenFile(name, flag, perm)
}

// What cannot be read is fetched, and used: the disk is asked once more for each use, and complained about once.
func TestAFileThatCannotBeReadIsFetchedAndUsed(t *testing.T) {
	p := newPlace(t)
	digest := p.put("job/1", "echo hello")
	require.NoError(t, p.Prefetch(within(t), "job/1", digest))
	p.cfg.FS = unreadable{atomicfile.OS}
	p.cfg.Logger = slog.New(&p.log)
	p.reopen()
	_, fetch, err := p.Script("job/1", digest)
	require.NoError(t, err)
	require.NoError(t, fetch(within(t)))
	for range 3 {
		p.isHere("job/1", "echo hello")
	}
	require.EqualValues(t, 1, p.Status().Fetched)
	require.Equal(t, 1, p.log.count("WARN a script on disk cannot be read"))
}

// Security software may take a file away as soon as it is there.
func TestAFileThatVanishesIsFetchedAndUsed(t *testing.T) {
	p := newPlace(t)
	digest := p.put("job/1", "echo hello")
	for range 3 {
		_, fetch, err := p.Script("job/1", digest)
		require.NoError(t, err)
		require.NoError(t, fetch(within(t)))
		require.NoError(t, os.Remove(p.path(digest)))
		p.isHere("job/1", "echo hello")
		p.reopen()
	}
}
