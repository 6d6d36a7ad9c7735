package telemetry

import (
	"context"
	"time"
)

// Host measures a host. All counters only grow, until the host restarts.
type Host interface {
	CPU(ctx context.Context) (CPUTime, error)
	Memory(ctx context.Context, of Store) (Memory, error)
	Traffic(ctx context.Context, of Medium) (map[string]Bytes, error)
}

// Store is a kind of memory.
type Store int

// The stores.
const (
	RAM Store = iota
	Swap
)

// Medium is what bytes go through.
type Medium int

// The media.
const (
	Disks    Medium = iota // each block device once
	Networks               // physical interfaces
)

// Processes measures processes.
type Processes interface {
	// List returns all processes that can be measured, without their threads.
	List(ctx context.Context) ([]Process, error)
	// Look measures one of them closely.
	Look(ctx context.Context, pid int32) (Detail, error)
	// Bytes is what it has read from and written to disks.
	Bytes(ctx context.Context, pid int32) (Bytes, error)
}

// CPUTime is how long all logical cores together have been busy, of a total, both
// in seconds.
type CPUTime struct {
	Busy, Total float64
	Cores       int
}

// Memory is in bytes.
type Memory struct{ Used, Total uint64 }

// Bytes is what was read from or received by something, and written or sent.
type Bytes struct{ In, Out uint64 }

// Process is one process. Its number may be used again, Started and the number
// together are not.
type Process struct {
	PID     int32
	Started uint64
	CPU     time.Duration
}

// Detail is one process, seen closely.
type Detail struct {
	Process
	Name     string
	RSSBytes uint64
}
