// Package faultfs is a disk for tests that loses power: whatever was not synced
// can be gone afterwards, and in another order than it was written. A test that
// stops the world at every operation and looks at every disk that can be found
// then is what shows that code is durable; killing a process shows nothing of
// the kind, since the page cache survives it.
//
// # What can be found
//
// Each [Model] is at least as bad as the file systems it stands for.
//
// [POSIX] promises what the standard does and nothing more, so it covers file
// systems without a journal too. A sync of a file makes its content durable, not
// its name. A sync of a folder makes the names in it durable, not their contents
// and not its own name in the folder above. Any set of the changes of names that
// were not synced can be found, whatever their order; a rename within a folder is
// found whole or not at all. One between folders can be found in both, and once
// the folder it came from is synced and the other is not, in neither. (That it is
// lost without any sync is left out: only file systems without a journal do that,
// and nothing helps there.) Content that was not synced can be gone, cut short, zeros (XFS, and
// ext4 without data=ordered), zeros at its beginning only, or whole.
//
// [NTFS] journals changes of names, of all folders in one log. The log is written
// late, but in order: the changes found are the first so many. A flush of any
// file, and a rename with MOVEFILE_WRITE_THROUGH (which is how atomicfile renames
// on Windows), writes the log up to then. Contents are not in the log: a name can
// be found, and a rename be final, before the content that was not flushed is;
// it can be missing or, where the length was logged before the data was written,
// zeros. A folder cannot be synced: SyncDir does nothing. A file that somebody has
// open, this program included, is neither renamed nor replaced nor removed: Go
// opens files without FILE_SHARE_DELETE. ReFS is not modelled.
//
// The basis: the documentation of fsync(2), rename(2), FlushFileBuffers and
// MoveFileEx, and of the data= modes of ext4; for the order of NTFS's log the
// design of its recovery (redo up to the last record written).
//
// # Faults
//
// [FS.Fail] lets operations fail and recover. A write that fails has written half.
// After a sync that fails, what was to be synced never reaches the disk, though
// it can still be read and a later sync succeeds, as on Linux. [FS.Hold] is
// another process that has a file open.
//
// # Kills
//
// [FS.KillAt] ends the process instead of the power, and [FS.Restart] begins the
// next one, on all that was written. What that one finds and relies on may not be
// durable yet; a [Suite] whose [Promise] has a Restart kills at every step, too, and
// cuts the power in the next process.
//
// # Mutants
//
// A [Suite] that passes must also fail for every [Mutant] of the program: with a
// sync left out, or two steps swapped. [Suite.Prove] leaves out one sync after
// the other.
//
// It is not a stable API and belongs in no program that is not a test. There are
// no permissions, no links, and folders are not renamed. Every Write appends. On a
// disk where MkdirAll was never called every folder exists, for tests that keep
// their folders elsewhere.
package faultfs
