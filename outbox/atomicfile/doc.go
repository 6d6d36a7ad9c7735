// Package atomicfile holds the few file operations that durable code is made
// of, and [WriteFile], which puts a file in place whole or not at all.
//
// It is shared by the packages of this module. It is importable because they
// have no common parent below which it could hide; it is not a stable API.
//
// Guaranteed: when [WriteFile] returns nil the new content is on disk under its
// name and survives a power cut. At any moment before, the name holds the old
// content, or nothing if there was none. A temporary file can be left over by a
// process that dies in between; it is the name plus [TempSuffix], and the next
// write of that name replaces it.
//
// Not guaranteed: two writers of one name at the same time (keep them apart
// yourself), owner, access lists and alternate streams of the file that is
// replaced, and anything on a file system that lies about fsync. A file system
// that refuses to sync a folder at all (some network shares) is taken as it is.
// On Windows before version 1703 a path must stay below 260 characters.
//
//	if err := atomicfile.WriteFile(atomicfile.OS, name, data, 0o600); err != nil {
//		return err
//	}
package atomicfile
