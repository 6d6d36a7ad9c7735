package jstest

import "sync"

// Operations for Fail. A failed operation has no effect on the broker.
const (
	OpPublish     = "publish"      // JetStream.Publish, PublishMsg
	OpStream      = "stream"       // look up, create, update, delete a stream; read from it
	OpConsumer    = "consumer"     // look up, create, update, delete a consumer; its Info
	OpMessages    = "messages"     // Consumer.Messages
	OpNext        = "next"         // MessagesContext.Next
	OpSettle      = "settle"       // Msg.Ack, Nak, Term, InProgress and their variants
	OpKeyValue    = "keyvalue"     // look up, create, delete a bucket
	OpKVRead      = "kv read"      // KeyValue.Get, Keys, History, Watch, Status
	OpKVWrite     = "kv write"     // KeyValue.Put, Create, Update, Delete, Purge
	OpObjectStore = "objectstore"  // look up, create, delete an object store
	OpObjectRead  = "object read"  // ObjectStore.Get, GetInfo; Conn.ObjectInfo, ObjectChunk
	OpObjectWrite = "object write" // ObjectStore.Put, Delete
	OpSubscribe   = "subscribe"    // Conn.Subscribe
	OpSend        = "send"         // Conn.Publish
	OpRequest     = "request"      // Conn.Request, RequestMany
)

type fault struct {
	err  error
	left int // negative: for ever
}

// faults are scripted failures, taken in the order in which they were scripted.
type faults struct {
	mu   sync.Mutex
	next map[string][]fault
}

// Fail makes the next times calls of op by this client fail with err, after those scripted before. A negative times is
// for ever; a nil err takes back everything scripted for op.
func (c *Client) Fail(op string, err error, times int) { c.faults.script(op, err, times) }

// LosePubAck makes the next times publishes of JetStream.PublishMsg fail with err although the stream has the message:
// the acknowledgement was lost on the way.
func (c *Client) LosePubAck(err error, times int) { c.faults.script(opPubAck, err, times) }

const opPubAck = "puback"

func (f *faults) script(op string, err error, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = map[string][]fault{}
	}
	if err == nil {
		delete(f.next, op)
		return
	}
	if times != 0 {
		f.next[op] = append(f.next[op], fault{err: err, left: times})
	}
}

func (f *faults) take(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	queue := f.next[op]
	if len(queue) == 0 {
		return nil
	}
	err := queue[0].err
	if queue[0].left > 0 {
		queue[0].left--
	}
	if queue[0].left == 0 {
		f.next[op] = queue[1:]
	}
	return err
}
