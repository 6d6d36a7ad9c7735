package jstest

import (
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func (s *suite) bucket(history uint8) jetstream.KeyValue {
	s.Helper()
	kv, err := s.JetStream.CreateKeyValue(s.ctx, jetstream.KeyValueConfig{Bucket: "settings", History: history})
	s.ok(err)
	return kv
}

func (s *suite) put(kv jetstream.KeyValue, key, value string) uint64 {
	s.Helper()
	rev, err := kv.PutString(s.ctx, key, value)
	s.ok(err)
	return rev
}

var kvChecks = []check{
	{"bucket names", func(s *suite) {
		for name, want := range map[string]error{
			"missing": jetstream.ErrBucketNotFound, "": jetstream.ErrInvalidBucketName, "a.b": jetstream.ErrInvalidBucketName,
			"a b": jetstream.ErrInvalidBucketName, "a/b": jetstream.ErrInvalidBucketName,
		} {
			_, err := s.JetStream.KeyValue(s.ctx, name)
			s.is(err, want)
			s.is(s.JetStream.DeleteKeyValue(s.ctx, name), want)
		}
		s.stream(jetstream.StreamConfig{Name: "KV_plain"})
		_, err := s.JetStream.KeyValue(s.ctx, "plain")
		s.is(err, jetstream.ErrBadBucket)
	}},
	{"bucket created twice", func(s *suite) {
		s.bucket(1)
		s.bucket(1)
		_, err := s.JetStream.CreateKeyValue(s.ctx, jetstream.KeyValueConfig{Bucket: "settings", History: 5})
		s.is(err, jetstream.ErrBucketExists)
		_, err = s.JetStream.CreateOrUpdateKeyValue(s.ctx, jetstream.KeyValueConfig{Bucket: "settings", History: 5})
		s.ok(err)
		_, err = s.JetStream.CreateKeyValue(s.ctx, jetstream.KeyValueConfig{Bucket: "other", History: 65})
		s.is(err, jetstream.ErrHistoryTooLarge)
	}},
	{"bucket is a stream", func(s *suite) {
		kv := s.bucket(5)
		s.put(kv, "a.b", "1")
		status, err := kv.Status(s.ctx)
		s.ok(err)
		equal(s, "bucket", status.Bucket(), "settings")
		equal(s, "history", status.History(), 5)
		equal(s, "values", status.Values(), 1)
		st, err := s.JetStream.Stream(s.ctx, "KV_settings")
		s.ok(err)
		cfg := st.CachedInfo().Config
		equal(s, "subject", cfg.Subjects[0], "$KV.settings.>")
		equal(s, "discard", cfg.Discard, jetstream.DiscardNew)
		equal(s, "rollup", cfg.AllowRollup, true)
		m, err := st.GetLastMsgForSubject(s.ctx, "$KV.settings.a.b")
		s.ok(err)
		equal(s, "value", string(m.Data), "1")
	}},
	{"key put and read", func(s *suite) {
		kv := s.bucket(1)
		first := s.put(kv, "a.b", "1")
		second := s.put(kv, "a.b", "2")
		e, err := kv.Get(s.ctx, "a.b")
		s.ok(err)
		equal(s, "value", string(e.Value()), "2")
		equal(s, "revision", e.Revision(), second)
		equal(s, "key", e.Key(), "a.b")
		equal(s, "bucket", e.Bucket(), "settings")
		equal(s, "operation", e.Operation(), jetstream.KeyValuePut)
		_, err = kv.GetRevision(s.ctx, "a.b", first)
		s.is(err, jetstream.ErrKeyNotFound)
	}},
	{"key that is missing, deleted, purged or impossible", func(s *suite) {
		kv := s.bucket(5)
		_, err := kv.Get(s.ctx, "a")
		s.is(err, jetstream.ErrKeyNotFound)
		for _, remove := range []func() error{
			func() error { return kv.Delete(s.ctx, "a") }, func() error { return kv.Purge(s.ctx, "a") },
		} {
			s.put(kv, "a", "1")
			s.ok(remove())
			_, err = kv.Get(s.ctx, "a")
			s.is(err, jetstream.ErrKeyNotFound)
		}
		for _, key := range []string{"", ".a", "a.", "a b", "a*", ">", "a..b"} {
			_, err = kv.Get(s.ctx, key)
			s.is(err, jetstream.ErrInvalidKey)
			_, err = kv.PutString(s.ctx, key, "x")
			s.is(err, jetstream.ErrInvalidKey)
		}
	}},
	{"key created and updated by revision", func(s *suite) {
		kv := s.bucket(1)
		rev, err := kv.Create(s.ctx, "a", []byte("1"))
		s.ok(err)
		_, err = kv.Create(s.ctx, "a", []byte("2"))
		s.is(err, jetstream.ErrKeyExists)
		_, err = kv.Update(s.ctx, "a", []byte("2"), rev+1)
		s.is(err, jetstream.ErrKeyRevisionMismatch)
		_, err = kv.Update(s.ctx, "a", []byte("2"), rev)
		s.ok(err)
		s.ok(kv.Delete(s.ctx, "a"))
		_, err = kv.Create(s.ctx, "a", []byte("3"))
		s.ok(err)
	}},
	{"keys and history", func(s *suite) {
		kv := s.bucket(2)
		_, err := kv.Keys(s.ctx)
		s.is(err, jetstream.ErrNoKeysFound)
		_, err = kv.History(s.ctx, "a")
		s.is(err, jetstream.ErrKeyNotFound)
		s.put(kv, "b", "1")
		s.put(kv, "a", "2")
		s.put(kv, "a", "3")
		s.put(kv, "a", "4")
		s.put(kv, "c", "5")
		s.ok(kv.Delete(s.ctx, "c"))
		keys, err := kv.Keys(s.ctx)
		s.ok(err)
		equalSlices(s, "keys", keys, []string{"a", "b"})
		entries, err := kv.History(s.ctx, "a")
		s.ok(err)
		var values []string
		for _, e := range entries {
			values = append(values, string(e.Value()))
		}
		equalSlices(s, "history", values, []string{"3", "4"})
	}},
	{"key changes are messages", func(s *suite) {
		kv := s.bucket(1)
		got := s.collect("$KV.settings.>")
		s.put(kv, "a.b", "1")
		s.ok(kv.Delete(s.ctx, "a.b"))
		s.ok(kv.Purge(s.ctx, "a.b"))
		for _, want := range []string{"", "DEL", "PURGE"} {
			m := receive(s, "message", got)
			equal(s, "subject", m.Subject, "$KV.settings.a.b")
			equal(s, "operation", m.Header.Get("KV-Operation"), want)
		}
	}},
	{"bucket deleted", func(s *suite) {
		kv := s.bucket(1)
		s.put(kv, "a", "1")
		s.ok(s.JetStream.DeleteKeyValue(s.ctx, "settings"))
		_, err := s.JetStream.KeyValue(s.ctx, "settings")
		s.is(err, jetstream.ErrBucketNotFound)
		_, err = kv.Get(s.ctx, "a")
		s.is(err, nats.ErrNoResponders)
		_, err = kv.PutString(s.ctx, "a", "1")
		s.is(err, jetstream.ErrNoStreamResponse)
		_, err = kv.Status(s.ctx)
		s.is(err, jetstream.ErrStreamNotFound)
		s.bucket(1)
		_, err = kv.Get(s.ctx, "a")
		s.is(err, jetstream.ErrKeyNotFound)
		equal(s, "revision", s.put(kv, "a", "2"), 1)
	}},
}

// expect checks the next entry of a watch; an empty key is the nil that ends the present ones.
func (s *suite) expect(w jetstream.KeyWatcher, key, value string, op jetstream.KeyValueOp) {
	s.Helper()
	e := receive(s, "watch", w.Updates())
	if e == nil {
		equal(s, "key", "", key)
		return
	}
	equal(s, "key", e.Key(), key)
	equal(s, "value", string(e.Value()), value)
	equal(s, "operation", e.Operation(), op)
}

func (s *suite) watch(w jetstream.KeyWatcher, err error) jetstream.KeyWatcher {
	s.Helper()
	s.ok(err)
	s.Cleanup(func() { _ = w.Stop() })
	return w
}

var watchChecks = []check{
	{"watch gives what is there, a nil, and what changes", func(s *suite) {
		kv := s.bucket(1)
		s.put(kv, "a", "1")
		s.put(kv, "b", "2")
		s.put(kv, "a", "3")
		w := s.watch(kv.WatchAll(s.ctx))
		s.expect(w, "b", "2", jetstream.KeyValuePut)
		s.expect(w, "a", "3", jetstream.KeyValuePut)
		s.expect(w, "", "", 0)
		s.put(kv, "c", "4")
		s.expect(w, "c", "4", jetstream.KeyValuePut)
		s.ok(kv.Delete(s.ctx, "c"))
		s.expect(w, "c", "", jetstream.KeyValueDelete)
		s.ok(kv.Purge(s.ctx, "c"))
		s.expect(w, "c", "", jetstream.KeyValuePurge)
		s.ok(w.Stop())
		s.eventually("the channel is closed", func() bool {
			select {
			case _, open := <-w.Updates():
				return !open
			default:
				return false
			}
		})
	}},
	{"watch of an empty bucket", func(s *suite) {
		kv := s.bucket(1)
		w := s.watch(kv.WatchAll(s.ctx))
		s.expect(w, "", "", 0)
		s.put(kv, "a", "1")
		s.expect(w, "a", "1", jetstream.KeyValuePut)
	}},
	{"watch of some keys", func(s *suite) {
		kv := s.bucket(1)
		s.put(kv, "groups.a", "1")
		s.put(kv, "pcs.b", "2")
		w := s.watch(kv.Watch(s.ctx, "groups.*"))
		s.expect(w, "groups.a", "1", jetstream.KeyValuePut)
		s.expect(w, "", "", 0)
		filtered := s.watch(kv.WatchFiltered(s.ctx, []string{"pcs.b", "global"}))
		s.expect(filtered, "pcs.b", "2", jetstream.KeyValuePut)
		s.expect(filtered, "", "", 0)
		s.put(kv, "global", "3")
		s.put(kv, "groups.c", "4")
		s.expect(w, "groups.c", "4", jetstream.KeyValuePut)
		s.expect(filtered, "global", "3", jetstream.KeyValuePut)
	}},
	{"watch options", func(s *suite) {
		kv := s.bucket(5)
		s.put(kv, "a", "1")
		s.put(kv, "a", "2")
		s.put(kv, "b", "3")
		s.ok(kv.Delete(s.ctx, "b"))
		updates := s.watch(kv.WatchAll(s.ctx, jetstream.UpdatesOnly()))
		history := s.watch(kv.Watch(s.ctx, "a", jetstream.IncludeHistory()))
		s.expect(history, "a", "1", jetstream.KeyValuePut)
		s.expect(history, "a", "2", jetstream.KeyValuePut)
		s.expect(history, "", "", 0)
		living := s.watch(kv.WatchAll(s.ctx, jetstream.IgnoreDeletes(), jetstream.MetaOnly()))
		s.expect(living, "a", "", jetstream.KeyValuePut)
		s.expect(living, "", "", 0)
		s.put(kv, "c", "5")
		s.expect(updates, "c", "5", jetstream.KeyValuePut)
		s.expect(living, "c", "", jetstream.KeyValuePut)
	}},
}
