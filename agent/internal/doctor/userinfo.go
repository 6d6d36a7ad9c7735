package doctor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// userInfoSubject is where a server says who a connection is and what it may do.
const userInfoSubject = "$SYS.REQ.USER.INFO"

// userInfo is what the server says of the user of this connection.
type userInfo struct {
	known bool
	// skew is how far the broker's clock is ahead of ours, within plus or minus
	// doubt.
	skew, doubt time.Duration

	Server struct {
		Time time.Time `json:"time"`
	} `json:"server"`
	Data userData `json:"data"`
}

type userData struct {
	User        string       `json:"user"`
	UserName    string       `json:"user_name"`
	Account     string       `json:"account"`
	Permissions *permissions `json:"permissions"`
}

func (d userData) name() string {
	if d.UserName != "" {
		return d.UserName
	}
	return d.User
}

// permissions of a user; nil: everything is allowed.
type permissions struct {
	Publish   *rule `json:"publish"`
	Subscribe *rule `json:"subscribe"`
	Responses *struct {
		Max int `json:"max"`
	} `json:"responses"`
}

// rule allows subjects; with no Allow, all. What Deny names is refused all the
// same.
type rule struct {
	Allow []string `json:"allow"`
	Deny  []string `json:"deny"`
}

// userInfo asks the server; it may be silent because the user may not ask.
func (p *prober) userInfo(ctx context.Context) (info userInfo) {
	sent := time.Now()
	answer := p.request(ctx, userInfoSubject, nil)
	took := time.Since(sent)
	if answer.msg == nil || json.Unmarshal(answer.msg.Data, &info) != nil || info.Data.Account == "" {
		return userInfo{}
	}
	info.known = true
	if !info.Server.Time.IsZero() {
		info.skew, info.doubt = info.Server.Time.Sub(sent.Add(took/2)), took/2
	}
	return info
}

// mayPublish judges a publish to every subject of the pattern.
func (p *permissions) mayPublish(pattern string) bool { return p == nil || p.Publish.allows(pattern) }

// mayReply reports whether requests may be answered.
func (p *permissions) mayReply() bool {
	return p == nil || p.Responses != nil || p.Publish.allows(nats.InboxPrefix+">")
}

func (r *rule) allows(pattern string) bool {
	if r == nil {
		return true
	}
	covered := func(by string) bool { return covers(subjectOf(by), pattern) }
	overlaps := func(by string) bool { return meet(subjectOf(by), pattern) }
	return (len(r.Allow) == 0 || slices.ContainsFunc(r.Allow, covered)) && !slices.ContainsFunc(r.Deny, overlaps)
}

// subjectOf leaves out the queue that a rule may name behind a blank.
func subjectOf(entry string) string {
	subject, _, _ := strings.Cut(entry, " ")
	return subject
}

// covers reports whether every subject of pattern is one of by.
func covers(by, pattern string) bool {
	a, b := strings.Split(by, "."), strings.Split(pattern, ".")
	for i, token := range a {
		switch {
		case token == ">":
			return len(b) > i
		case i >= len(b), b[i] == ">":
			return false
		case token != "*" && token != b[i]:
			return false
		}
	}
	return len(a) == len(b)
}

// meet reports whether some subject is one of both.
func meet(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		switch {
		case x[i] == ">", y[i] == ">":
			return true
		case x[i] != "*" && y[i] != "*" && x[i] != y[i]:
			return false
		}
	}
	return len(x) == len(y)
}
