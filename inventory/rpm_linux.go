package inventory

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kanade-go/kanade/inventory/facts"
)

// rpmFolders are where distributions have rpm's database, the older place last.
var rpmFolders = []string{"/usr/lib/sysimage/rpm/", "/var/lib/rpm/"}

// rpmFormats are the formats of rpm's database, by the name of the file: SQLite
// since rpm 4.16, ndb of SUSE, and the hash files of Berkeley DB before (RHEL 8).
var rpmFormats = []struct {
	file string
	read func(file io.ReaderAt, size int64, blob func([]byte) error) error
}{
	{"rpmdb.sqlite", readRPMSQLite},
	{"Packages.db", readNDB},
	{"Packages", readBerkeley},
}

func (t tree) rpm(n *notes, add func(facts.Program)) {
	for _, dir := range rpmFolders {
		for _, format := range rpmFormats {
			f, err := t.open(dir + format.file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = rpmPrograms(f, format.read, add)
				_ = f.Close() // only read
			}
			n.miss(dir+format.file, unwrapPath(err))
			return // the second place is often a link to the first
		}
	}
}

func rpmPrograms(f *os.File, read func(io.ReaderAt, int64, func([]byte) error) error, add func(facts.Program)) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	damaged := 0
	err = read(f, info.Size(), bounded(info.Size(), func(blob []byte) error {
		h, ok := openRPMHeader(blob)
		switch p := h.program(); {
		case !ok:
			damaged++
		case p.Name != "gpg-pubkey": // a key that is kept as a package
			add(p)
		}
		return nil
	}))
	if err == nil && damaged > 0 {
		err = fmt.Errorf("%w: %d of them", errRPMHeader, damaged)
	}
	return err
}

var errRPMCircles = errors.New("the database is damaged: it has more in it than its size allows")

// bounded ends with an error what goes on for longer than a database of that size
// can: a damaged one has the same bytes in many places.
func bounded(size int64, blob func([]byte) error) func([]byte) error {
	left := 2 * size
	rows := 2 * maxPrograms
	return func(data []byte) error {
		left -= int64(len(data))
		if rows--; rows < 0 || left < 0 {
			return errRPMCircles
		}
		return blob(data)
	}
}

// readRPMSQLite: what the log beside the database holds is not looked at; rpm
// empties it when it ends.
func readRPMSQLite(r io.ReaderAt, size int64, blob func([]byte) error) error {
	f, err := openSQLite(r, size)
	if err != nil {
		return err
	}
	return f.rows("Packages", func(row []any) error {
		if len(row) < 2 {
			return errSQLite
		}
		data, _ := row[1].([]byte)
		return blob(data)
	})
}
