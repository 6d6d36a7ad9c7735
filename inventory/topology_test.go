package inventory

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// processorRecord is one of a core or socket on a 64-bit Windows.
func processorRecord(kind uint32, groups ...uint64) []byte {
	r := make([]byte, 32+16*len(groups))
	binary.LittleEndian.PutUint32(r, kind)
	binary.LittleEndian.PutUint32(r[4:], uint32(len(r)))
	binary.LittleEndian.PutUint16(r[30:], uint16(len(groups)))
	for i, mask := range groups {
		binary.LittleEndian.PutUint64(r[32+16*i:], mask)
		binary.LittleEndian.PutUint16(r[40+16*i:], uint16(i))
	}
	return r
}

func cacheRecord(level byte, size uint32, mask uint64) []byte {
	r := make([]byte, 56)
	binary.LittleEndian.PutUint32(r, relationCache)
	binary.LittleEndian.PutUint32(r[4:], uint32(len(r)))
	r[8] = level
	binary.LittleEndian.PutUint32(r[12:], size)
	binary.LittleEndian.PutUint64(r[40:], mask)
	return r
}

func records(all ...[]byte) []byte {
	var data []byte
	for _, r := range all {
		data = append(data, r...)
	}
	return data
}

func TestTopology(t *testing.T) {
	data := records(
		processorRecord(1, 0xff), // a NUMA node
		processorRecord(relationCore, 0b11), processorRecord(relationCore, 0b1100), processorRecord(relationCore, 0b10000),
		processorRecord(relationPackage, 0b1111), processorRecord(relationPackage, 0b10000),
		cacheRecord(1, 32<<10, 0b11), cacheRecord(3, 8<<20, 0b1111), cacheRecord(2, 1<<20, 0b11), cacheRecord(2, 512<<10, 0b10000),
	)
	require.Equal(t, []facts.CPU{{Cores: 2, Threads: 4, Cache: 8 << 20}, {Cores: 1, Threads: 1, Cache: 512 << 10}}, topology(data, 8))
}

// More than 64 processors come in groups.
func TestTopologyOfManyProcessors(t *testing.T) {
	all := ^uint64(0)
	require.Equal(t, []facts.CPU{{Cores: 1, Threads: 96}}, topology(records(
		processorRecord(relationPackage, all, 0xffffffff), processorRecord(relationCore, 0, 0b11)), 8))
}

func TestADamagedTopology(t *testing.T) {
	data := records(processorRecord(relationPackage, 1), processorRecord(relationCore, 1))
	for i := range data {
		require.LessOrEqual(t, len(topology(data[:i], 8)), 1)
	}
	binary.LittleEndian.PutUint16(data[30:], 0xffff) // more groups than there are
	require.Equal(t, []facts.CPU{{Cores: 1, Threads: 1}}, topology(data, 8))
}
