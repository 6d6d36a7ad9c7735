// Package offload takes large output out of results on their way to the broker:
// what is too large to travel inside goes to the object store result_output, and
// the result names it.
//
// [Offloader.Load] is the outbox's hook for large files. It reads a file twice
// and holds only what is not output in memory, so that a file of any size costs
// the same. The object holds the stream's text as the script wrote it, with no
// JSON around it; of the result only the field and its pointer change.
//
// # Guarantees
//
// A pointer is made only when the object is whole: every chunk is acknowledged
// before the object is described, and counted afterwards, for a store may have been
// replaced meanwhile. An object that is there already, with the same size and digest
// and every chunk, is not sent again, so a repeat costs two questions.
// Two hosts with the same request ID have two objects. Text is read exactly as
// package wire reads it: what wire refuses is refused.
//
// # Not guaranteed
//
// What an upload that broke off has left in the store is removed at the next
// upload of this process; after the end of the process only the store's age
// limit does. The store refuses what it has no room for; the result then waits,
// and others pass.
package offload
