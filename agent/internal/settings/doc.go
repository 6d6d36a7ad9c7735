// Package settings is what the broker's buckets say about this host: its groups,
// its settings, which version each job is pinned to, and which jobs are revoked.
//
// Each of the four buckets (agent_groups, agent_config, script_current,
// script_status) is a watched view with a snapshot on disk, one file a bucket.
// The view is what the broker says now; the snapshot is what an agent knows that
// starts without a broker.
//
// # Guarantees
//
//   - What was known once is known for as long as the state folder lasts: a broker
//     that is away, a bucket that is missing, a restart and a power cut change
//     nothing. [Service.Status] says since when a view is stale.
//   - A row that cannot be read leaves the last good one of its key in force. It is
//     reported once for each revision. A row that was deleted is gone.
//   - A revocation ends when the bucket says so: by another value, or by the marker
//     that a deletion leaves. A row that is gone without one (the bucket was wiped,
//     re-created, or set back to a backup) stays revoked. Pins, settings and groups
//     follow the bucket: a bucket that is there and empty clears them. While the
//     broker says that there is no bucket, settings, groups and revocations stay
//     as they were, and no pin counts.
//   - The settings are a function of the rows in force, whatever order they came in.
//     Every interval is inside its bounds; a value outside is reported once and
//     replaced by the bound.
//   - A refusal is never given because of a view that the broker has overtaken:
//     [Scripts.Ask] asks the leaders of the buckets first, by one request for each of
//     the two rows, and so it does while a view is stale and the broker can be asked.
//     Otherwise the last known answer counts. A bucket that did not answer is left
//     alone for 2 s; a refusal that only it could lift is not final meanwhile, for
//     30 s of its silence.
//   - A snapshot is whole or not there. One that is damaged, too large, of a newer
//     form or of another host is reported once, set aside under a name that ends in
//     .broken, and does not keep the agent from starting.
//   - A snapshot that cannot be read is tried again every 30 s and taken in when it
//     can; until then nothing is written over it. After 10 min it is set aside under a
//     name that ends in .unreadable.
//   - Memory: 8 MiB of keys and values a bucket, as much again for revocations whose
//     rows are gone, and what the reader below holds ([retry.MaxViewBytes] at most). A
//     bucket that holds more is reported, and its last good view stays in force and
//     counts as stale.
//   - No revocation ends for want of room. When more are gone from the bucket than can
//     be kept, that is reported, and of the jobs of the others nobody knows any more
//     whether they are revoked: the commands of each wait until it has a row, or the
//     bucket says that it was deleted. When that is so of all of them, nothing is
//     reported any more. 16,384 such jobs are told from others; with more, every job
//     without a row may be one. Rows that are there count as ever.
//   - [Service.Status] tells a bucket that is not there, as where nobody uses it, from
//     one that cannot be read. The first is fresh for as long as the connection over
//     which the broker has said so, unless rows of it are still in force.
//
// # Permissions
//
// Beside what retry.WatchKV needs, the agent's user should be allowed to publish to
// $JS.API.STREAM.MSG.GET.KV_<bucket> for each of the four. Where it is not, a replica
// is asked by the direct gets of the view, twice and with a pause of 100 ms before a
// refusal; a bucket that nobody answers for counts as missing after 30 s; and each
// such subject is told once and stands in [BucketStatus.Problems]. No command waits
// for a permission.
//
// # Limits
//
//   - Groups are nil until they were read once; until then nobody can know whether
//     a group's command is meant for this host.
//   - A pc_id, group or job id that no key can hold (see wire.KeySafe) has no row,
//     so it has no settings, no pin and no revocation of its own.
//   - Where the leader may not be asked, a bucket without a running server looks like
//     one that does not exist. That matters only to a host that has never read it.
//   - The leader is asked about a bucket that it says is not there once in 5 min, as
//     long as nobody answers for it over the same connection. One that is made
//     meanwhile is known by its first write, or by the next look, within a minute;
//     one that is made and has no running server, after those 5 min.
//   - Of rows that vanish together 64 are asked for at once; whether the others were
//     deleted is found out when a command asks for them.
//   - Bursts of changes share a write of the snapshot: a power cut forgets at most
//     the last second of them, and only until the broker is there again.
package settings
