package inventory

import (
	"encoding/binary"
	"math/bits"

	"github.com/kanade-go/kanade/inventory/facts"
)

// The kinds of records that GetLogicalProcessorInformationEx gives:
// LOGICAL_PROCESSOR_RELATIONSHIP of winnt.h.
const (
	relationCore    = 0
	relationCache   = 2
	relationPackage = 3
)

// processors are the logical ones of a core or socket: bits by group.
type processors map[uint16]uint64

func (p processors) count() int {
	n := 0
	for _, mask := range p {
		n += bits.OnesCount64(mask)
	}
	return n
}

func (p processors) has(other processors) bool {
	for group, mask := range other {
		if p[group]&mask != 0 {
			return true
		}
	}
	return false
}

// cacheOf is a cache and who uses it.
type cacheOf struct {
	processors
	level byte
	bytes uint64
}

// topology counts sockets with their cores, threads and last caches, in records
// of a Windows whose pointers have so many bytes. Damaged records end it.
func topology(data []byte, pointer int) []facts.CPU {
	var sockets, cores []processors
	var caches []cacheOf
	for len(data) >= 8 {
		size := int(binary.LittleEndian.Uint32(data[4:]))
		if size < 44 || size > len(data) {
			break
		}
		record := data[:size]
		switch binary.LittleEndian.Uint32(record) {
		case relationCore:
			cores = append(cores, affinities(record, 30, pointer))
		case relationPackage:
			sockets = append(sockets, affinities(record, 30, pointer))
		case relationCache:
			caches = append(caches, cacheOf{affinities(record, 38, pointer), record[8], uint64(binary.LittleEndian.Uint32(record[12:]))})
		}
		data = data[size:]
	}
	return cpusOf(sockets, cores, caches)
}

func cpusOf(sockets, cores []processors, caches []cacheOf) []facts.CPU {
	all := make([]facts.CPU, 0, len(sockets))
	for _, s := range sockets {
		cpu := facts.CPU{Threads: s.count()}
		for _, c := range cores {
			if s.has(c) {
				cpu.Cores++
			}
		}
		var last byte
		for _, c := range caches {
			if s.has(c.processors) && (c.level > last || c.level == last && c.bytes > cpu.Cache) {
				last, cpu.Cache = c.level, c.bytes
			}
		}
		all = append(all, cpu)
	}
	return all
}

// affinities reads the group affinities that a record ends with: their number is at
// the offset given, they follow it.
func affinities(record []byte, at, pointer int) processors {
	p := make(processors)
	// Windows before 10 leaves the number of a cache's groups at zero: there is one.
	number := max(1, int(binary.LittleEndian.Uint16(record[at:])))
	for entry := at + 2; number > 0 && entry+pointer+8 <= len(record); entry += pointer + 8 {
		mask := uint64(binary.LittleEndian.Uint32(record[entry:]))
		if pointer == 8 {
			mask = binary.LittleEndian.Uint64(record[entry:])
		}
		p[binary.LittleEndian.Uint16(record[entry+pointer:])] |= mask
		number--
	}
	return p
}
