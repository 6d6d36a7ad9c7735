package jstest

import (
	"bytes"
	"io"

	"github.com/nats-io/nats.go/jetstream"
)

func (s *suite) store() jetstream.ObjectStore {
	s.Helper()
	o, err := s.JetStream.CreateObjectStore(s.ctx, jetstream.ObjectStoreConfig{Bucket: "scripts"})
	s.ok(err)
	return o
}

var objectChecks = []check{
	{"object store names", func(s *suite) {
		for name, want := range map[string]error{
			"missing": jetstream.ErrBucketNotFound, "": jetstream.ErrInvalidStoreName, "a.b": jetstream.ErrInvalidStoreName,
		} {
			_, err := s.JetStream.ObjectStore(s.ctx, name)
			s.is(err, want)
			s.is(s.JetStream.DeleteObjectStore(s.ctx, name), want)
		}
		s.store()
		s.store()
		_, err := s.JetStream.ObjectStore(s.ctx, "scripts")
		s.ok(err)
		_, err = s.JetStream.CreateObjectStore(s.ctx, jetstream.ObjectStoreConfig{Bucket: "scripts", Description: "other"})
		s.is(err, jetstream.ErrBucketExists)
	}},
	{"object put and read", func(s *suite) {
		o := s.store()
		for name, size := range map[string]int{"empty": 0, "small": 10, "large name, in chunks/ü": 300 << 10} {
			data := bytes.Repeat([]byte("x"), size)
			put, err := o.Put(s.ctx, jetstream.ObjectMeta{Name: name, Description: "d"}, bytes.NewReader(data))
			s.ok(err)
			info, err := o.GetInfo(s.ctx, name)
			s.ok(err)
			equal(s, "size", info.Size, uint64(size))
			equal(s, "digest", info.Digest, put.Digest)
			equal(s, "description", info.Description, "d")
			equal(s, "chunks", info.Chunks, uint32((size+128<<10-1)/(128<<10)))
			result, err := o.Get(s.ctx, name)
			s.ok(err)
			got, err := io.ReadAll(result)
			s.ok(err)
			equal(s, "content", bytes.Equal(got, data), true)
			s.ok(result.Error())
			s.ok(result.Close())
		}
	}},
	{"object replaced", func(s *suite) {
		o := s.store()
		for _, want := range []string{"one", "two"} {
			_, err := o.PutString(s.ctx, "a", want)
			s.ok(err)
			got, err := o.GetString(s.ctx, "a")
			s.ok(err)
			equal(s, "content", got, want)
		}
		st, err := s.JetStream.Stream(s.ctx, "OBJ_scripts")
		s.ok(err)
		equal(s, "one chunk and one description", st.CachedInfo().State.Msgs, 2)
	}},
	{"object that is missing or deleted", func(s *suite) {
		o := s.store()
		check := func() {
			s.Helper()
			_, err := o.Get(s.ctx, "a")
			s.is(err, jetstream.ErrObjectNotFound)
			_, err = o.GetBytes(s.ctx, "a")
			s.is(err, jetstream.ErrObjectNotFound)
			_, err = o.GetInfo(s.ctx, "a")
			s.is(err, jetstream.ErrObjectNotFound)
		}
		check()
		s.is(o.Delete(s.ctx, "a"), jetstream.ErrObjectNotFound)
		_, err := o.PutBytes(s.ctx, "a", []byte("x"))
		s.ok(err)
		s.ok(o.Delete(s.ctx, "a"))
		check()
		_, err = o.PutBytes(s.ctx, "", []byte("x"))
		s.is(err, jetstream.ErrBadObjectMeta)
		_, err = o.GetInfo(s.ctx, "")
		s.is(err, jetstream.ErrNameRequired)
	}},
}
