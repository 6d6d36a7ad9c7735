package inventory

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// What of D-Bus one call to a service takes: the specification of D-Bus 0.41,
// chapters "Marshaling", "Message Format" and "Authentication Protocol".
const (
	dbusCall     = 1
	dbusReply    = 2
	dbusError    = 3
	dbusVersion  = 1
	dbusPath     = 1 // fields of the header
	dbusIface    = 2
	dbusMember   = 3
	dbusErrName  = 4
	dbusReplyTo  = 5
	dbusTo       = 6
	dbusSigned   = 8
	dbusDeadline = 3 * time.Second
	// maxDBus bounds a message. The units of a busy server take some hundred
	// kilobytes.
	maxDBus = 16 << 20
	// maxSignals bounds what comes before the answer.
	maxSignals = 1000
)

var errDBus = errors.New("the answer is no message of D-Bus")

// dbusConn asks one question after the other.
type dbusConn struct {
	net.Conn
	in     *bufio.Reader
	serial uint32
}

// dialDBus connects to a socket and says who asks. The end of ctx ends what
// follows too.
func dialDBus(ctx context.Context, socket string) (*dbusConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dbusDeadline)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	c := &dbusConn{Conn: raw, in: bufio.NewReader(raw)}
	until, _ := ctx.Deadline()
	if err := errors.Join(raw.SetDeadline(until), c.authenticate()); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// authenticate names the user, whom the other side knows from the socket.
func (c *dbusConn) authenticate() error {
	user := hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid())))
	if _, err := fmt.Fprintf(c, "\x00AUTH EXTERNAL %s\r\n", user); err != nil {
		return err
	}
	answer, err := c.in.ReadSlice('\n')
	switch {
	case err != nil:
		return err
	case !strings.HasPrefix(string(answer), "OK "):
		return fmt.Errorf("the bus refuses this user: %.80q", answer)
	}
	_, err = io.WriteString(c, "BEGIN\r\n")
	return err
}

// dbusMethod is what is called, with arguments that are marshaled.
type dbusMethod struct{ to, path, iface, member, signature, body string }

// call returns the values of the reply.
func (c *dbusConn) call(m dbusMethod) (*dbusReader, error) {
	c.serial++
	if _, err := c.Write(m.message(c.serial)); err != nil {
		return nil, err
	}
	for range maxSignals {
		got, err := c.receive()
		switch {
		case err != nil:
			return nil, err
		case got.replyTo != c.serial:
			continue // a signal
		case got.kind == dbusError:
			return nil, fmt.Errorf("%s answers %.200q", m.member, got.errName)
		case got.kind == dbusReply:
			return got.body, nil
		}
	}
	return nil, fmt.Errorf("%s is not answered among %d messages", m.member, maxSignals)
}

func (m dbusMethod) message(serial uint32) []byte {
	var fields dbusWriter
	for _, f := range []struct {
		code        byte
		kind, value string
	}{{dbusPath, "o", m.path}, {dbusTo, "s", m.to}, {dbusIface, "s", m.iface}, {dbusMember, "s", m.member}, {dbusSigned, "g", m.signature}} {
		if f.value != "" {
			fields.pad(8)
			fields = append(fields, f.code)
			fields.signature(f.kind)
			if f.kind == "g" {
				fields.signature(f.value)
			} else {
				fields.text(f.value)
			}
		}
	}
	w := dbusWriter{'l', dbusCall, 0, dbusVersion}
	w.number(uint32(len(m.body)))
	w.number(serial)
	w.number(uint32(len(fields)))
	w = append(w, fields...) // both begin at a multiple of 8
	w.pad(8)
	return append(w, m.body...)
}

// dbusWriter marshals, in little endian.
type dbusWriter []byte

func (w *dbusWriter) pad(to int) {
	for len(*w)%to != 0 {
		*w = append(*w, 0)
	}
}

func (w *dbusWriter) number(n uint32) {
	w.pad(4)
	*w = binary.LittleEndian.AppendUint32(*w, n)
}

func (w *dbusWriter) text(s string) {
	w.number(uint32(len(s)))
	*w = append(append(*w, s...), 0)
}

func (w *dbusWriter) signature(s string) { *w = append(append(append(*w, byte(len(s))), s...), 0) }

// texts is an array.
func (w *dbusWriter) texts(all ...string) {
	var list dbusWriter
	for _, s := range all {
		list.text(s)
	}
	w.number(uint32(len(list)))
	*w = append(*w, list...) // it begins at a multiple of 4
}
