package inventory

import (
	"errors"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows/registry"
)

const (
	currentVersion = `SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	control        = `SYSTEM\CurrentControlSet\Control\`
)

// maxKeys bounds how many keys below one are looked at.
const maxKeys = 100_000

// openKey opens a key to be read. view is 0, registry.WOW64_64KEY or
// registry.WOW64_32KEY.
func openKey(root registry.Key, path string, view uint32) (key, error) {
	k, err := registry.OpenKey(root, path, registry.QUERY_VALUE|registry.ENUMERATE_SUB_KEYS|view)
	return key{k}, err
}

// key is a key that is open. Values that are missing or of another type are
// empty.
type key struct{ registry.Key }

func (k key) close() { _ = k.Close() } // only read

func (k key) text(name string) string {
	value, _, err := k.GetStringValue(name)
	if err != nil {
		return ""
	}
	return clean(value)
}

func (k key) number(name string) (uint64, bool) {
	value, _, err := k.GetIntegerValue(name)
	return value, err == nil
}

// yes is nil if there is no such value.
func (k key) yes(name string) *bool {
	value, ok := k.number(name)
	if !ok {
		return nil
	}
	on := value != 0
	return &on
}

// below are the names of the keys below this one.
func (k key) below() []string {
	names, err := k.ReadSubKeyNames(-1)
	if err != nil {
		return nil
	}
	return names[:min(len(names), maxKeys)]
}

// machineKey opens a key of the machine in the view of 64-bit programs and hands
// it on, if it is there.
func machineKey(path string, n *notes, use func(key)) {
	withKey(registry.LOCAL_MACHINE, path, registry.WOW64_64KEY, n, use)
}

func withKey(root registry.Key, path string, view uint32, n *notes, use func(key)) {
	k, err := openKey(root, path, view)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			n.miss(rootNames[root]+`\`+path, err)
		}
		return
	}
	defer k.close()
	use(k)
}

var rootNames = map[registry.Key]string{registry.LOCAL_MACHINE: "HKLM", registry.USERS: "HKU"}

func keyExists(path string) bool {
	k, err := openKey(registry.LOCAL_MACHINE, path, registry.WOW64_64KEY)
	if err != nil {
		return false
	}
	k.close()
	return true
}

// machineText is one value of the machine.
func machineText(path, name string, n *notes) (value string) {
	machineKey(path, n, func(k key) { value = k.text(name) })
	return value
}

// hive is what a user has in the registry while somebody or something runs as
// them.
type hive struct{ sid, user string }

// hives are those of people: not of services, nor the lists of classes beside
// them.
func hives(n *notes) []hive {
	var all []hive
	withKey(registry.USERS, "", 0, n, func(users key) {
		for _, sid := range users.below() {
			if personal(sid) {
				all = append(all, hive{sid, userOf(sid, n)})
			}
		}
	})
	return all
}

// personal: of a local or domain account, or of Entra.
func personal(sid string) bool {
	return (strings.HasPrefix(sid, "S-1-5-21-") || strings.HasPrefix(sid, "S-1-12-1-")) && !strings.HasSuffix(sid, "_Classes")
}

// userOf names an account without asking a domain, which may be away.
func userOf(sid string, n *notes) string {
	var name string
	withKey(registry.USERS, sid+`\Volatile Environment`, 0, n, func(k key) {
		name = k.text("USERNAME")
		if domain := k.text("USERDOMAIN"); domain != "" && name != "" {
			name = domain + `\` + name
		}
	})
	return first(name, afterLast(profileOf(sid, n), `\`), sid)
}

// profileOf is the folder of an account.
func profileOf(sid string, n *notes) string {
	return machineText(currentVersion+`\ProfileList\`+sid, "ProfileImagePath", n)
}

func afterLast(s, sep string) string { return s[strings.LastIndex(s, sep)+1:] }
