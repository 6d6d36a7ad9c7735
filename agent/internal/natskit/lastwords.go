package natskit

import (
	"fmt"
	"regexp"
	"sync"
	"time"
)

// lastWordsWait is for what the broker has said before it hung up, which is here by
// then.
const lastWordsWait = 100 * time.Millisecond

// refusal is how a broker says why it hangs up.
var refusal = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`-ERR '([^'\r\n]{1,200})'`) })

// Write tells why the broker hung up during the handshake. A broker with too many
// connections says so and closes without waiting for our login; nats.go finds out by
// the write, and the reason would stay unread.
func (h handshaking) Write(p []byte) (int, error) {
	n, err := h.Conn.Write(p)
	if err == nil || h.dialer.last.over.Load() {
		return n, err
	}
	if why := h.lastWords(); why != "" {
		err = fmt.Errorf("nats: %s: %w", why, err)
	}
	return n, err
}

func (h handshaking) lastWords() string {
	if why := h.dialer.last.why.Load(); why != nil {
		return *why
	}
	rest := make([]byte, 512)
	_ = h.SetReadDeadline(time.Now().Add(lastWordsWait)) // the connection is done with
	n, _ := h.Conn.Read(rest)
	return refusalIn(rest[:n])
}

func refusalIn(text []byte) string {
	found := refusal().FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}
