package inventory

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// entry is a structure of the SMBIOS: its type, what follows the handle, texts.
func entry(kind byte, rest []byte, texts ...string) []byte {
	data := append([]byte{kind, byte(4 + len(rest)), 0, 0}, rest...)
	if len(texts) == 0 {
		return append(data, 0, 0)
	}
	return append(data, strings.Join(texts, "\x00")+"\x00\x00"...)
}

func firmware(vendor, model string) []byte {
	uuid := []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff} // the example of SMBIOS 3.7, 7.2.1
	system := append(append([]byte{1, 2, 0, 3}, uuid...), 6, 4, 0)
	return records(
		entry(biosInformation, []byte{1, 2, 0, 0, 3, 0}, "LENOVO", "N3XET", "03/18/2024"),
		entry(systemInformation, system, vendor, model, "PF1234", "LENOVO_SKU"),
		entry(boardInformation, []byte{1, 2, 0, 3}, "LENOVO", "21AB", "L1"),
		entry(boardInformation, []byte{1}, "a riser card"),
		entry(chassisInformation, []byte{1, 0x80 | 10, 0, 0, 2}, "LENOVO", "asset 7"),
		entry(endOfTable, nil),
	)
}

func TestMachine(t *testing.T) {
	h, err := machine(firmware("LENOVO", "21AB"))
	require.NoError(t, err)
	require.Equal(t, facts.Hardware{
		Vendor: "LENOVO", Model: "21AB", Serial: "PF1234", SKU: "LENOVO_SKU", UUID: "00112233-4455-6677-8899-aabbccddeeff", AssetTag: "asset 7", Chassis: "laptop",
		Board: facts.Board{Vendor: "LENOVO", Model: "21AB", Serial: "L1"}, BIOS: facts.BIOS{Vendor: "LENOVO", Version: "N3XET", Date: "2024-03-18"},
	}, h)
	require.Empty(t, hypervisor(h))
	guest, err := machine(firmware("Microsoft Corporation", "Virtual Machine"))
	require.NoError(t, err)
	require.Equal(t, "virtual", guest.Chassis)
	require.Equal(t, "hyperv", hypervisor(guest))
}

func TestADamagedMachine(t *testing.T) {
	table := firmware("LENOVO", "21AB")
	whole, err := machine(table)
	require.NoError(t, err)
	for i := range len(table) - 6 {
		h, err := machine(table[:i])
		require.NotEqual(t, whole, h, "cut to %d bytes", i)
		if i > 3 && h.BIOS.Vendor == "" {
			require.Error(t, err)
		}
	}
}

func TestNoUUID(t *testing.T) {
	for _, filler := range []string{"\x00", "\xff"} {
		h, err := machine(entry(systemInformation, []byte("\x00\x00\x00\x00"+strings.Repeat(filler, 16))))
		require.NoError(t, err)
		require.Empty(t, h.UUID)
	}
}
