package jstest

import (
	"bytes"
	"io"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/retry"
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
	{"object read chunk by chunk", func(s *suite) {
		o := s.store()
		data := []byte("one, two and three")
		_, err := o.Put(s.ctx, jetstream.ObjectMeta{Name: "a/ü", Opts: &jetstream.ObjectMetaOptions{ChunkSize: 5}}, bytes.NewReader(data))
		s.ok(err)
		r := retry.NewObjectReader(s.Transport)
		info, err := r.ObjectInfo(s.ctx, "scripts", "a/ü")
		s.ok(err)
		equal(s, "size", info.Size, uint64(len(data)))
		var got []byte
		next := uint64(1)
		for range info.Chunks {
			chunk, err := r.ObjectChunk(s.ctx, "scripts", info.NUID, next)
			s.ok(err)
			got, next = append(got, chunk.Data...), chunk.Sequence+1
		}
		equal(s, "content", string(got), string(data))
		_, err = r.ObjectChunk(s.ctx, "scripts", info.NUID, next)
		s.is(err, jetstream.ErrMsgNotFound)
		_, err = r.ObjectChunk(s.ctx, "scripts", "unknown", 1)
		s.is(err, jetstream.ErrMsgNotFound)
		got, err = retry.ReadObjectBytes(s.ctx, r, "scripts", "a/ü", 100)
		s.ok(err)
		equal(s, "content read at once", string(got), string(data))
	}},
	{"object reader without an object", func(s *suite) {
		r := retry.NewObjectReader(s.Transport)
		_, err := r.ObjectInfo(s.ctx, "scripts", "a")
		s.is(err, jetstream.ErrBucketNotFound)
		_, err = r.ObjectChunk(s.ctx, "scripts", "x", 1)
		s.is(err, jetstream.ErrBucketNotFound)
		_, err = r.ObjectInfo(s.ctx, "a.b", "a")
		s.is(err, jetstream.ErrInvalidStoreName)
		o := s.store()
		_, err = r.ObjectInfo(s.ctx, "scripts", "a")
		s.is(err, jetstream.ErrObjectNotFound)
		_, err = r.ObjectInfo(s.ctx, "scripts", "")
		s.is(err, jetstream.ErrNameRequired)
		_, err = o.PutString(s.ctx, "a", "x")
		s.ok(err)
		s.ok(o.Delete(s.ctx, "a"))
		_, err = r.ObjectInfo(s.ctx, "scripts", "a")
		s.is(err, jetstream.ErrObjectNotFound)
	}},
}
