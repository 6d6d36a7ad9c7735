package jstest

import (
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func keyValid(key string) bool {
	if key == "" || key[0] == '.' || key[len(key)-1] == '.' || strings.Contains(key, "..") {
		return false
	}
	return validKey.MatchString(key)
}

func operation(m *storedMsg) jetstream.KeyValueOp {
	switch m.header.Get(kvOperationHeader) {
	case "DEL":
		return jetstream.KeyValueDelete
	case "PURGE":
		return jetstream.KeyValuePurge
	}
	return jetstream.KeyValuePut
}

// entry is one revision of a key.
type entry struct {
	bucket, key string
	msg         *storedMsg
	value       []byte
	delta       uint64
}

func (kv *keyValue) entry(m *storedMsg, delta uint64) *entry {
	return &entry{bucket: kv.bucket, key: kv.key(m), msg: m, value: slices.Clone(m.data), delta: delta}
}

func (e *entry) Bucket() string                  { return e.bucket }
func (e *entry) Key() string                     { return e.key }
func (e *entry) Value() []byte                   { return e.value }
func (e *entry) Revision() uint64                { return e.msg.seq }
func (e *entry) Created() time.Time              { return e.msg.time }
func (e *entry) Delta() uint64                   { return e.delta }
func (e *entry) Operation() jetstream.KeyValueOp { return operation(e.msg) }
