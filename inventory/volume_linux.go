package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kanade-go/kanade/inventory/facts"
)

// localFileSystems hold data of this host. Those of the network would be counted
// by every host that mounts them, and hang when their server is away.
var localFileSystems = map[string]bool{
	"ext2": true, "ext3": true, "ext4": true, "xfs": true, "btrfs": true, "zfs": true, "f2fs": true, "jfs": true, "reiserfs": true, "bcachefs": true,
	"vfat": true, "exfat": true, "ntfs": true, "ntfs3": true, "fuseblk": true, "hfsplus": true, "apfs": true, "ufs": true,
}

// mount is a line of mountinfo.
type mount struct{ device, point, kind, number string }

// volumes are the file systems that are mounted, each once, with all the places
// where it is.
func (t tree) volumes(ctx context.Context, n *notes) ([]facts.Volume, error) {
	found := make(map[string]*facts.Volume)
	labels, uuids := t.byDevice("/dev/disk/by-label"), t.byDevice("/dev/disk/by-uuid")
	var errs []error
	for _, m := range t.mounts(n) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		v := found[m.device]
		if v == nil {
			base := filepath.Base(t.device(m.device))
			v = &facts.Volume{Device: m.device, FileSystem: m.kind, Label: labels[base], UUID: uuids[base]}
			v.Disks, v.Encryption = t.below(t.blockDevice(m.number, base))
			found[m.device] = v
			if err := t.space(ctx, v, m.point); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", m.point, err))
			}
		}
		v.Mounts = append(v.Mounts, m.point)
	}
	all := make([]facts.Volume, 0, len(found))
	for _, device := range slices.Sorted(maps.Keys(found)) {
		v := found[device]
		slices.Sort(v.Mounts)
		v.Mounts = slices.Compact(v.Mounts)
		all = append(all, *v)
	}
	return all, errors.Join(errs...)
}

// mounts are those of the host where it can see them, and else its own: a
// container sees its own only.
func (t tree) mounts(n *notes) []mount {
	var all []mount
	t.lines("/proc/self/mountinfo", n, func(line string) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 2 || !localFileSystems[right[0]] {
			return
		}
		all = append(all, mount{device: unescape(right[1]), point: unescape(left[4]), kind: right[0], number: left[2]})
	})
	return all
}

// unescape undoes what the kernel does to blanks and the like: \040.
func unescape(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\`)
		b.WriteString(before)
		if !ok {
			return clean(b.String())
		}
		if len(after) < 3 {
			b.WriteString(after)
			return clean(b.String())
		}
		code, err := strconv.ParseUint(after[:3], 8, 8)
		if err != nil {
			b.WriteString(`\` + after[:3])
		} else {
			b.WriteByte(byte(code))
		}
		s = after[3:]
	}
}

func (t tree) space(ctx context.Context, v *facts.Volume, point string) error {
	st, err := await(ctx, t.waits, point, func() (unix.Statfs_t, error) {
		var st unix.Statfs_t
		return st, t.statfs(t.path(point), &st)
	})
	if err != nil {
		return err
	}
	block := uint64(st.Frsize)
	v.Bytes, v.FreeBytes = st.Blocks*block, st.Bavail*block
	v.ReadOnly = st.Flags&unix.ST_RDONLY != 0
	return nil
}

// byDevice turns a folder of links to devices around.
func (t tree) byDevice(dir string) map[string]string {
	all := make(map[string]string)
	for _, name := range t.names(dir) {
		all[t.link(dir+"/"+name)] = clean(unhex(name))
	}
	return all
}

// unhex undoes what udev does to blanks and the like: \x20.
func unhex(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\x`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		code, err := strconv.ParseUint(after[:min(2, len(after))], 16, 8)
		if err != nil || len(after) < 2 {
			b.WriteString(`\x`)
			s = after
			continue
		}
		b.WriteByte(byte(code))
		s = after[2:]
	}
}

// blockDevice is the folder of a mounted device; empty if there is none. What
// btrfs mounts has numbers of its own, which are of no device.
func (t tree) blockDevice(number, name string) string {
	for _, dir := range []string{"/sys/dev/block/" + number, "/sys/class/block/" + name} {
		if t.exists(dir) {
			return dir
		}
	}
	return ""
}

// below are the disks under a block device, and what encrypts between.
func (t tree) below(dir string) (disks []string, encryption string) {
	if dir == "" {
		return nil, ""
	}
	encryption = "off"
	for _, d := range t.stack(dir) {
		if e := encryptedBy(t.text(d + "/dm/uuid")); e != "" {
			encryption = e
		}
		if len(t.names(d+"/slaves")) == 0 {
			disks = append(disks, t.whole(d))
		}
	}
	slices.Sort(disks)
	return slices.Compact(disks), encryption
}

// encryptedBy reads what cryptsetup names a mapping, CRYPT-LUKS2-<uuid>-<name>;
// empty if that does not encrypt: verity and integrity protect by sums.
func encryptedBy(uuid string) string {
	kind, ok := strings.CutPrefix(uuid, "CRYPT-")
	switch {
	case !ok, strings.HasPrefix(kind, "VERITY"), strings.HasPrefix(kind, "INTEGRITY"), strings.HasPrefix(kind, "SUBDEV"):
		return ""
	case strings.HasPrefix(kind, "BITLK"):
		return "bitlocker"
	case strings.HasPrefix(kind, "LUKS"):
		return "luks"
	}
	return "dm-crypt"
}

// maxStack is more than anybody builds a volume of.
const maxStack = 256

// stack is a block device and all that it is made of, each once.
func (t tree) stack(dir string) []string {
	all, seen := []string{dir}, make(map[string]bool)
	for i := 0; i < len(all); i++ {
		for _, name := range t.names(all[i] + "/slaves") {
			if !seen[name] && len(all) < maxStack {
				seen[name] = true
				all = append(all, "/sys/class/block/"+name)
			}
		}
	}
	return all
}

// whole is the disk that a partition is on.
func (t tree) whole(dir string) string {
	if !t.exists(dir + "/partition") {
		return filepath.Base(first(t.target(dir), dir))
	}
	return filepath.Base(filepath.Dir(t.target(dir)))
}

// target is where a link of the kernel's tree leads.
func (t tree) target(name string) string {
	to, err := filepath.EvalSymlinks(t.path(name))
	if err != nil {
		return ""
	}
	return to
}

// device is the name of a block device behind a link of a mapper.
func (t tree) device(name string) string {
	if to := t.link(name); to != "" {
		return to
	}
	return name
}
