package outbox

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/retry"
	"github.com/kanade-go/kanade/retry/jstest"
)

// panickyTransport panics when it is asked for the connection, as often as it is
// told to.
type panickyTransport struct {
	retry.Transport
	left *int
}

func (p panickyTransport) State() (bool, <-chan struct{}) {
	if *p.left > 0 {
		*p.left--
		panic("no idea")
	}
	return p.Transport.State()
}

// Whoever supervises a Drain starts it again after a panic; it must not find
// itself still draining, and Close must not wait for it.
func TestAPanicDoesNotKeepTheBoxDraining(t *testing.T) {
	t.Parallel()
	left := 2
	box := openBox(t, t.TempDir(), WithTransport(panickyTransport{jstest.NewFake().Conn(), &left}))
	var s stream
	put(t, box, "a")
	require.Panics(t, func() { _ = box.Drain(t.Context(), &s) })
	require.Panics(t, func() { _, _ = box.Flush(t.Context(), &s) })
	startDrain(t, box, &s)
	require.Eventually(t, func() bool { return box.Stats().Sent == 1 }, patience, time.Millisecond)
	require.NoError(t, box.Close())
}

type panickyCodec struct{ JSONEnvelope }

func (c panickyCodec) Decode(name string, file io.Reader) (Record, error) {
	if name == "bad" {
		panic("cannot bear it")
	}
	return c.JSONEnvelope.Decode(name, file)
}

func TestARecordThatTheCodecCannotBearIsSetAside(t *testing.T) {
	t.Parallel()
	box := openBox(t, t.TempDir(), WithCodec(panickyCodec{}))
	var s stream
	put(t, box, "bad")
	put(t, box, "good")
	startDrain(t, box, &s)
	require.Eventually(t, func() bool { return box.Stats().Sent == 1 && box.Stats().Stuck == 1 }, patience, time.Millisecond)
}
