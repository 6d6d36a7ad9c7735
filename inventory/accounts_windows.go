package inventory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kanade-go/kanade/inventory/facts"
)

// maxAccounts bounds the users, and the groups.
const maxAccounts = 10_000

// administrators is the group whose members are that, in every language.
const administrators = "S-1-5-32-544"

// accounts are the local ones. A domain controller has none: what it would list
// are the thousands of its domain.
func (h host) accounts(ctx context.Context, n *notes) (any, error) {
	a := &facts.Accounts{Users: []facts.User{}, Groups: []facts.Group{}, Sessions: sessions(n)}
	if machineText(control+"ProductOptions", "ProductType", n) == "LanmanNT" {
		return a, nil
	}
	computer, err := windows.ComputerName()
	if err != nil {
		return a, err
	}
	var admins map[string]bool
	a.Groups, admins = groups(ctx, computer, n)
	a.Users = users(computer, admins, n)
	return a, context.Cause(ctx)
}

// userInfo3 is USER_INFO_3 of lmaccess.h, of which little is asked.
type userInfo3 struct {
	name, _               *uint16 // the other one is for passwords, and always empty
	_, _                  uint32
	_, _                  *uint16
	flags                 uint32
	_                     *uint16
	_                     uint32
	fullName, _, _, _     *uint16
	lastLogon, _, _, _, _ uint32
	_                     *byte
	_, _                  uint32
	_                     *uint16
	_, _, id, _           uint32
	_, _                  *uint16
	_                     uint32
}

func users(computer string, admins map[string]bool, n *notes) []facts.User {
	const normalAccounts, disabledAccount = 2, 2 // FILTER_NORMAL_ACCOUNT, UF_ACCOUNTDISABLE
	machine, _, _, err := windows.LookupSID("", computer+`\`)
	if err != nil {
		machine, _, _, err = windows.LookupSID("", computer)
	}
	n.miss("the SID of the machine", err)
	all := []facts.User{}
	list := func(buffer **byte, read, total, resume *uint32) error {
		return windows.NetUserEnum(nil, 3, normalAccounts, buffer, maxPreferred, read, total, resume)
	}
	n.miss("NetUserEnum", netList(list, func(u *userInfo3) {
		disabled := u.flags&disabledAccount != 0
		user := facts.User{
			Name: windows.UTF16PtrToString(u.name), FullName: clean(windows.UTF16PtrToString(u.fullName)), Disabled: &disabled,
			System: u.id < firstLocalUser && u.id != builtInAdministrator, ID: strconv.FormatUint(uint64(u.id), 10),
		}
		if u.lastLogon != 0 {
			user.LastLogon = moment(time.Unix(int64(u.lastLogon), 0))
		}
		if machine != nil {
			user.ID = machine.String() + "-" + user.ID
			user.Admin, user.Home = isAdmin(admins, user.ID), profileOf(user.ID, n)
		}
		all = append(all, user)
	}))
	slices.SortFunc(all, func(a, b facts.User) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return all
}

// isAdmin: a Windows without administrators has not told them.
func isAdmin(admins map[string]bool, sid string) *bool {
	if len(admins) == 0 {
		return nil
	}
	yes := admins[sid]
	return &yes
}

// The relative IDs below firstLocalUser belong to the system.
const (
	builtInAdministrator = 500
	firstLocalUser       = 1000
)

var (
	netapi32                = windows.NewLazySystemDLL("netapi32.dll")
	netLocalGroupEnum       = netapi32.NewProc("NetLocalGroupEnum")
	netLocalGroupGetMembers = netapi32.NewProc("NetLocalGroupGetMembers")
)

// localGroupInfo0 and localGroupMembersInfo2 are of lmaccess.h.
type localGroupInfo0 struct{ name *uint16 }

type localGroupMembersInfo2 struct {
	sid  *windows.SID
	_    uint32
	name *uint16 // DOMAIN\name
}

// groups are those of the machine, and the SIDs of its administrators.
func groups(ctx context.Context, computer string, n *notes) (all []facts.Group, admins map[string]bool) {
	all, admins = []facts.Group{}, make(map[string]bool)
	list := func(buffer **byte, read, total, resume *uint32) error {
		return netCall(netLocalGroupEnum, 0, 0, uintptr(unsafe.Pointer(buffer)), maxPreferred,
			uintptr(unsafe.Pointer(read)), uintptr(unsafe.Pointer(total)), uintptr(unsafe.Pointer(resume)))
	}
	n.miss("NetLocalGroupEnum", netList(list, func(g *localGroupInfo0) {
		if ctx.Err() == nil {
			group := facts.Group{Name: windows.UTF16PtrToString(g.name)}
			if sid, _, _, err := windows.LookupSID("", group.Name); err == nil {
				group.ID = sid.String()
			}
			n.miss(group.Name, members(g.name, computer, &group, admins))
			all = append(all, group)
		}
	}))
	slices.SortFunc(all, func(a, b facts.Group) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return all, admins
}

func members(name *uint16, computer string, group *facts.Group, admins map[string]bool) error {
	list := func(buffer **byte, read, total, resume *uint32) error {
		return netCall(netLocalGroupGetMembers, 0, uintptr(unsafe.Pointer(name)), 2, uintptr(unsafe.Pointer(buffer)), maxPreferred,
			uintptr(unsafe.Pointer(read)), uintptr(unsafe.Pointer(total)), uintptr(unsafe.Pointer(resume)))
	}
	err := netList(list, func(m *localGroupMembersInfo2) {
		sid := m.sid.String()
		if group.ID == administrators {
			admins[sid] = true
		}
		account := windows.UTF16PtrToString(m.name)
		if domain, local, ok := strings.Cut(account, `\`); ok && (domain == "" || strings.EqualFold(domain, computer)) {
			account = local
		}
		group.Members = append(group.Members, first(account, sid)) // an account that was deleted has no name
	})
	slices.Sort(group.Members)
	return err
}

// maxPreferred lets the system choose how much it gives at once.
const maxPreferred = 0xffffffff

//go:uintptrescapes
func netCall(proc *windows.LazyProc, arguments ...uintptr) error {
	if err := proc.Find(); err != nil {
		return err
	}
	if code, _ := win32(proc, arguments...); code != 0 {
		return windows.Errno(code)
	}
	return nil
}

// netList yields the rows of a function of netapi32, part by part, and frees them.
func netList[T any](part func(buffer **byte, read, total, resume *uint32) error, each func(*T)) error {
	var resume uint32
	for seen := 0; seen < maxAccounts; {
		var buffer *byte
		var read, total uint32
		err := part(&buffer, &read, &total, &resume)
		more := errors.Is(err, windows.ERROR_MORE_DATA)
		if buffer != nil {
			if err == nil || more {
				rows := unsafe.Slice((*T)(unsafe.Pointer(buffer)), read)
				for i := range rows {
					each(&rows[i])
				}
			}
			_ = windows.NetApiBufferFree(buffer)
		}
		if !more || read == 0 {
			return err
		}
		seen += int(read)
	}
	return errors.New("there are more; they are left out")
}
