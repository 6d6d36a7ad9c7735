package hostfacts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/outbox"
)

// Record is the outbox record of a message, as it lies in its file.
func Record(name string, data []byte) (outbox.Record, error) {
	subject, err := subjectOf(data)
	if err != nil {
		return outbox.Record{}, fmt.Errorf("hostfacts: read message: %w", err)
	}
	sum := sha256.Sum256(data)
	return outbox.Record{Name: name, MsgID: hex.EncodeToString(sum[:16]), Subject: subject, Data: data}, nil
}

func subjectOf(data []byte) (string, error) {
	s, err := wire.DecodeInventorySection(data)
	if err == nil {
		return wire.InventorySubject(s.PCID, s.Section), s.Validate()
	}
	hw, hwErr := wire.DecodeHwInventory(data)
	if hwErr != nil {
		return "", errors.Join(err, hwErr)
	}
	return wire.InventorySubject(hw.PCID, wire.InventoryHw), hw.Validate()
}
