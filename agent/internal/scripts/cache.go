package scripts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/kanade-go/kanade/outbox/atomicfile"
	"github.com/kanade-go/kanade/retry"
)

const (
	// MaxScript is the largest script that an object may hold, in bytes.
	MaxScript = 4 << 20
	// MaxName is the longest name of an object, in bytes.
	MaxName = 1024
)

// maxFetches bounds what is in memory, and what a host asks of the broker at a time.
const maxFetches = 4

// Config is what a cache needs.
type Config struct {
	// Dir is the folder. It is created when there is something to keep.
	Dir string
	// Objects reads the object store.
	Objects retry.ObjectReader
	// Transport says when the connection is back; nil: fetches find out by trying.
	Transport retry.Transport

	FS       atomicfile.FS    // nil: atomicfile.OS
	MaxBytes int64            // of the whole folder; 0: DefaultMaxBytes
	MaxFiles int              // 0: DefaultMaxFiles
	Now      func() time.Time // nil: time.Now
	Logger   *slog.Logger     // nil: none
}

// Cache hands out scripts by their digest.
type Cache struct {
	folder    folder
	shelf     shelf
	turns     turns
	places    chan struct{} // one a fetch
	objects   retry.ObjectReader
	transport retry.Transport
	waiting   []retry.Option
	log       *slog.Logger
	counters  counters
	unkept    atomic.Bool // the last script could not be kept on disk
	blind     atomic.Bool // the last file could not be read
}

type counters struct{ hits, fetched, damaged, refused atomic.Uint64 }

// Open looks at the folder and removes what writers have left behind. A folder that cannot be used is reported and costs
// the cache only. Nothing asks the broker yet.
func Open(cfg Config) *Cache {
	if cfg.FS == nil {
		cfg.FS = atomicfile.OS
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Cache{
		folder: folder{fs: cfg.FS, dir: cfg.Dir, index: index{
			maxBytes: cmp.Or(cfg.MaxBytes, DefaultMaxBytes), maxFiles: cmp.Or(cfg.MaxFiles, DefaultMaxFiles),
			now: cfg.Now, files: map[string]*kept{},
		}},
		shelf: shelf{scripts: map[string]string{}}, turns: turns{all: map[string]*turn{}},
		places: make(chan struct{}, maxFetches), objects: cfg.Objects, transport: cfg.Transport, log: cfg.Logger,
		waiting: []retry.Option{retry.WithTransport(cfg.Transport), retry.WithLogger(cfg.Logger), retry.WithBackoff(pace)},
	}
	if err := c.folder.load(); err != nil {
		c.log.Warn("the folder of scripts cannot be used; scripts are kept in memory until it can", "error", err)
		c.unkept.Store(true)
	}
	return c
}

// Script returns the script of this digest if it is on this host. Otherwise fetch is not nil: it blocks until the script is
// here, or can never be (the error says why), or ctx ends. An error of Script itself is of the second kind.
//
// What was fetched is there for the next call, whatever becomes of the disk: it is in memory until it was read from the disk
// once, or until 16 MiB of others have come after it. Then the answer is another fetch.
func (c *Cache) Script(object, digest string) (script string, fetch func(context.Context) error, err error) {
	if err := checkNames(object, digest); err != nil {
		return "", nil, c.refuse(err)
	}
	script, found, err := c.local(digest)
	switch {
	case err != nil:
		return "", nil, c.refuse(fmt.Errorf("scripts: object %.80q: %w", object, err))
	case found != nowhere:
		c.counters.hits.Add(1)
		return script, nil, nil
	}
	return "", func(ctx context.Context) error {
		err := c.bring(ctx, object, digest, inMemory)
		if errors.Is(err, ErrNotKept) {
			return nil
		}
		return err
	}, nil
}

// Prefetch returns nil when the script is on disk and needs no broker any more. ErrNotKept says that it is in memory only;
// other errors are those of a fetch.
func (c *Cache) Prefetch(ctx context.Context, object, digest string) error {
	if err := checkNames(object, digest); err != nil {
		return c.refuse(err)
	}
	return c.bring(ctx, object, digest, onDisk)
}

// checkNames keeps names from the wire out of paths and requests.
func checkNames(object, digest string) error {
	switch {
	case object == "" || len(object) > MaxName || !utf8.ValidString(object):
		return fmt.Errorf("scripts: object %.80q: %w: a name has 1 to %d bytes of UTF-8", object, ErrName, MaxName)
	case !isDigest(digest):
		return fmt.Errorf("scripts: object %.80q: %w: its SHA-256 is given as %.80q, not as %d lower-case hexadecimal digits",
			object, ErrName, digest, digestLen)
	}
	return nil
}

func (c *Cache) refuse(err error) error {
	c.counters.refused.Add(1)
	return err
}

// whereabouts says where a script was found.
type whereabouts int

const (
	nowhere whereabouts = iota
	inMemory
	onDisk
)

// local looks on the disk, then in memory. The error is ErrNotText.
func (c *Cache) local(digest string) (string, whereabouts, error) {
	script, err := c.folder.read(digest)
	if err != nil {
		c.unreadable(digest, err)
		if script, ok := c.shelf.get(digest); ok {
			return script, inMemory, nil
		}
		return "", nowhere, nil
	}
	c.blind.Store(false)
	c.shelf.remove(digest)
	c.touch(digest, int64(len(script)))
	if !utf8.ValidString(script) {
		return "", nowhere, ErrNotText
	}
	return script, onDisk, nil
}

// unreadable tells why a file is not used.
func (c *Cache) unreadable(digest string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.folder.forget(digest)
	case errors.Is(err, errDamaged):
		c.counters.damaged.Add(1)
		c.log.Warn("a script on disk is damaged and is fetched again", "error", errors.Join(err, c.folder.discard(digest)))
	case !c.blind.Swap(true):
		c.log.Warn("a script on disk cannot be read; it is fetched, and used from memory", "error", err)
	}
}

// touch keeps the day of the last use where a restart finds it.
func (c *Cache) touch(digest string, size int64) {
	at, mark := c.folder.use(digest, size)
	if !mark {
		return
	}
	if err := setModTime(c.folder.fs, c.folder.path(digest), at); err != nil {
		c.log.Debug("the use of a script was not recorded", "digest", digest, "error", err)
	}
}

// setModTime is an ability that other file systems than the host's need not have.
func setModTime(fsys atomicfile.FS, name string, at time.Time) error {
	if fsys != atomicfile.OS {
		return nil
	}
	return os.Chtimes(name, at, at)
}

// keep puts a script where it is found again. The error is ErrNotKept.
func (c *Cache) keep(ctx context.Context, digest, script string) error {
	release, err := c.turns.take(ctx, digest)
	if err == nil {
		err = c.folder.write(digest, script)
		release()
	}
	if err != nil {
		c.shelf.put(digest, script)
		level := slog.LevelDebug
		if !c.unkept.Swap(true) {
			level = slog.LevelWarn
		}
		c.log.Log(context.Background(), level, "a script cannot be kept on disk and is used from memory", "error", err)
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	if c.unkept.Swap(false) {
		c.log.Info("scripts are kept on disk again")
	}
	return nil
}

// Status is a snapshot of a cache.
type Status struct {
	Files int   // on disk
	Bytes int64 // on disk
	// Since the start: handed out, fetched, found damaged on disk, removed for others, and refused for what they are.
	Hits, Fetched, Damaged, Evicted, Refused uint64
	// NotKept: the last script that was fetched could not be kept on disk.
	NotKept bool
}

// Status may be called at any time.
func (c *Cache) Status() Status {
	s := Status{
		Hits: c.counters.hits.Load(), Fetched: c.counters.fetched.Load(), Damaged: c.counters.damaged.Load(),
		Refused: c.counters.refused.Load(), NotKept: c.unkept.Load(),
	}
	s.Files, s.Bytes, s.Evicted = c.folder.count()
	return s
}
