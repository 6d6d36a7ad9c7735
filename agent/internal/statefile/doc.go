// Package statefile keeps documents in the state folder: a JSON body in an envelope
// with a checksum. Package statedir owns the folder; this is one file in it.
//
// # Guarantees
//
//   - A document is whole or not there, whatever a power cut leaves: [File.Save]
//     replaces the file durably, and every changed bit is noticed.
//   - What [File.Load] has found is found after a power cut, too, although the process
//     that wrote it was killed before it could see to that.
//   - [File.Load] sets a file that cannot be used (it is damaged, too large, of a
//     newer form, of another host) aside, under its name and [BrokenSuffix].
//   - A file that cannot be read, because another program holds it or the disk
//     fails, keeps its place for [ReadAgainFor]: the next Load may do better. After
//     that Load sets it aside under its name and [UnreadableSuffix].
//
// So nothing is lost before somebody could look at it. There is one of each suffix; a
// later one replaces it.
//
// # Limits
//
//   - While [File.IsUnread], what the file holds is not known. Save replaces it
//     nevertheless: who must not lose it calls Load until it says something else.
//   - The sum is against accidents, not against somebody who may write the file.
//   - No file above [MaxBytes] is read; the body's owner bounds what is written.
//
// The texts of the errors go on from the name of the file:
//
//	file := statefile.File{FS: atomicfile.OS, Path: path, PCID: "PC-1"}
//	found, err := file.Load(&body, nil)
//	if errors.Is(err, statefile.ErrUnreadable) {
//		return fmt.Errorf("marks: file %w", err) // and read it again later
//	}
package statefile
