package agent

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func TestTheInboxOfAHostIsItsOwn(t *testing.T) {
	for pcID, want := range map[string]string{
		"PC-1": "_INBOX.PC-1", "PC": "_INBOX.PC",
		"PC.1": "_INBOX.PC_1", // not below that of PC
	} {
		require.Equal(t, want, inbox(pcID))
		var o nats.Options
		require.NoError(t, nats.CustomInboxPrefix(want)(&o), "nats.go takes it")
	}
}
