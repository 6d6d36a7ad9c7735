package inventory

import (
	"encoding/binary"
	"io"
)

// dbusMessage is what counts of one that came.
type dbusMessage struct {
	kind    byte
	replyTo uint32
	errName string
	body    *dbusReader
}

func (c *dbusConn) receive() (dbusMessage, error) {
	var head [16]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return dbusMessage{}, err
	}
	size, err := dbusSize(head)
	if err != nil {
		return dbusMessage{}, err
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(c.in, data); err != nil {
		return dbusMessage{}, err
	}
	return readDBus(head, data)
}

func dbusOrder(head [16]byte) binary.ByteOrder {
	if head[0] == 'B' {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// dbusSize is how much follows the fixed part of a header: fields, padding, body.
func dbusSize(head [16]byte) (int, error) {
	order := dbusOrder(head)
	fields, body := uint64(order.Uint32(head[12:])), uint64(order.Uint32(head[4:]))
	if head[0] != 'l' && head[0] != 'B' || head[3] != dbusVersion || fields+body > maxDBus {
		return 0, errDBus
	}
	return int((fields+7)&^7 + body), nil
}

// readDBus reads what follows the fixed part of a header.
func readDBus(head [16]byte, data []byte) (dbusMessage, error) {
	order := dbusOrder(head)
	end := int(order.Uint32(head[12:]))
	if padded := (end + 7) &^ 7; end < 0 || padded > len(data) {
		return dbusMessage{}, errDBus
	}
	m := dbusMessage{kind: head[1], body: &dbusReader{order: order, data: data[(end+7)&^7:]}}
	fields := &dbusReader{order: order, data: data[:end]}
	for fields.more(8) {
		m.field(fields)
	}
	return m, fields.err
}

// field reads one field of the header; the types of all are in the specification.
func (m *dbusMessage) field(r *dbusReader) {
	code, kind := r.octet(), r.signature()
	switch {
	case code == dbusReplyTo && kind == "u":
		m.replyTo = r.number()
	case code == dbusErrName && kind == "s":
		m.errName = r.text()
	case kind == "s", kind == "o":
		r.text()
	case kind == "g":
		r.signature()
	case kind == "u":
		r.number()
	default:
		r.fail()
	}
}

// dbusReader unmarshals. After what is damaged everything is empty.
type dbusReader struct {
	order binary.ByteOrder
	data  []byte
	at    int
	err   error
}

func (r *dbusReader) fail() { r.err, r.at = errDBus, len(r.data) }

// more tells whether another value begins, and aligns to it.
func (r *dbusReader) more(align int) bool {
	r.at = (r.at + align - 1) &^ (align - 1)
	return r.err == nil && r.at < len(r.data)
}

func (r *dbusReader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.data)-r.at {
		r.fail()
		return make([]byte, 4)
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

func (r *dbusReader) octet() byte { return r.take(1)[0] }

func (r *dbusReader) number() uint32 {
	r.at = (r.at + 3) &^ 3
	return r.order.Uint32(r.take(4))
}

func (r *dbusReader) text() string {
	n := int(r.number())
	s := string(r.take(n))
	r.take(1)
	if r.err != nil {
		return ""
	}
	return s
}

func (r *dbusReader) signature() string {
	s := string(r.take(int(r.octet())))
	r.take(1)
	if r.err != nil {
		return ""
	}
	return s
}

// array hands on a reader of the elements of an array, aligned as the outer one.
func (r *dbusReader) array(align int) *dbusReader {
	n := int(r.number())
	r.at = (r.at + align - 1) &^ (align - 1)
	if r.err != nil || n < 0 || n > len(r.data)-r.at {
		r.fail()
		return &dbusReader{order: r.order, err: errDBus}
	}
	inner := &dbusReader{order: r.order, data: r.data[:r.at+n], at: r.at}
	r.at += n
	return inner
}
