// Package scripts keeps the scripts that commands name instead of carrying them: objects of the store "scripts", in a
// folder, each under its SHA-256.
//
// # Guarantees
//
//   - A script that is handed out has the digest that was asked for, computed now, whether it came from the disk or from
//     the broker; it is valid UTF-8 and has at most 4 MiB. What is damaged on disk is reported, removed and fetched again.
//   - What is in the folder needs no broker. A file is in place whole or not at all, and survives a power cut once [Cache.Prefetch]
//     has returned nil. A folder that an agent of the reference release filled is used as it is.
//   - A broker that is away, and a store that is not there, are waited for until ctx ends. An object that is not in
//     the store, or is not what was promised, is an error at once (see the sentinels): no wait would change it. One
//     exception: in a store that was just created, or behind a broker that has just come back, an object is waited for, for a
//     minute.
//   - At most one fetch of an object at a time, and at most four that read. One that waits or fails holds up no other.
//   - A folder that cannot be used costs the cache, not the command: what was fetched is in memory too, up to 16 MiB of it,
//     until it was read from the disk. A disk that takes nothing is reported once, and once when that is over.
//   - The folder has at most 256 MiB and 10,000 scripts; the one used longest ago goes first. When a script was used is kept as
//     its file's time of modification, to the day, so a restart forgets the order within a day at the most.
//   - The name of an object never becomes part of a path, and a digest only when it is 64 lower-case hexadecimal digits.
//
// # Limits
//
//   - The digest says that the script is the one that the command means. It does not say who wrote it.
//   - One cache a folder: [Open] removes what writers have left behind. The lock of the state folder sees to that.
//   - Files of other names in the folder are neither counted nor touched.
//   - Fetches need the permission to publish on $JS.API.STREAM.MSG.GET.OBJ_scripts, and no other.
package scripts
