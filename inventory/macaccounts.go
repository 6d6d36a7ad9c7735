package inventory

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// blocks yields what dscacheutil prints: lines "key: value" with an empty line
// behind each entry. A list goes on in the same line.
func blocks(out []byte, each func(map[string]string)) {
	block := make(map[string]string)
	flush := func() {
		if block["name"] != "" {
			each(block)
		}
		clear(block)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line == "" {
			flush()
			continue
		}
		if key, value, ok := strings.Cut(line, ":"); ok {
			block[key] = clean(value)
		}
	}
	flush()
}

func macGroups(out []byte) []facts.Group {
	groups := []facts.Group{}
	blocks(out, func(b map[string]string) {
		g := facts.Group{Name: b["name"], ID: b["gid"], Members: strings.Fields(b["users"])}
		slices.Sort(g.Members)
		groups = append(groups, g)
	})
	return slices.CompactFunc(groups, func(a, b facts.Group) bool { return a.Name == b.Name })
}

// firstMacUser is the lowest user ID that macOS gives to people.
const firstMacUser = 500

func macUsers(out []byte, groups []facts.Group) []facts.User {
	admins := make(map[string]bool)
	for _, g := range groups {
		for _, m := range g.Members {
			admins[m] = admins[m] || g.Name == "admin"
		}
	}
	users := []facts.User{}
	blocks(out, func(b map[string]string) {
		admin := b["uid"] == "0" || admins[b["name"]]
		uid, err := strconv.ParseInt(b["uid"], 10, 64)
		u := facts.User{
			Name: b["name"], ID: b["uid"], FullName: b["gecos"], Home: b["dir"], Shell: b["shell"], Admin: &admin,
			System: err != nil || uid != 0 && uid < firstMacUser,
		}
		if strings.HasSuffix(u.Shell, "/false") || strings.HasSuffix(u.Shell, "/nologin") {
			yes := true
			u.Disabled = &yes
		}
		users = append(users, u)
	})
	return users
}

// utmpx reads the sessions of /var/run/utmpx: struct utmpx32 of Apple's libc.
func utmpx(data []byte) []facts.Session {
	const size, line, kind, seconds, from, userProcess = 628, 260, 296, 300, 308, 7
	var all []facts.Session
	for ; len(data) >= size; data = data[size:] {
		if binary.LittleEndian.Uint16(data[kind:]) != userProcess {
			continue
		}
		s := facts.Session{User: cText(data[:256]), Kind: "tty", Client: cText(data[from : from+256])}
		switch {
		case s.Client != "":
			s.Kind = "remote"
		case cText(data[line:line+32]) == "console":
			s.Kind = "console"
		}
		s.Since = moment(time.Unix(int64(binary.LittleEndian.Uint32(data[seconds:])), 0))
		all = append(all, s)
	}
	return all
}

func cText(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return clean(string(b))
}
