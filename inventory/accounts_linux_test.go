package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func TestAccounts(t *testing.T) {
	yes, no := true, false
	host := hostOf(t, map[string]string{
		"/etc/passwd": `ann:x:1000:1000:Ann Example,Room 7,,:/home/ann:/bin/bash
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
bob:x:1001:100::/home/bob:/bin/sh
not a line
`,
		"/etc/group":  "sudo:x:27:bob,ann\nusers:x:100:\nroot:x:0:\n",
		"/etc/shadow": "ann:$y$secret:19000:0:99999:7:::\nbob:!:19000:0:99999:7:::\nroot:*:19000:0:99999:7:::\n",
		"/run/systemd/sessions/2": `# private
USER=ann
CLASS=user
TYPE=tty
STATE=active
REMOTE=1
REMOTE_HOST=192.0.2.9
REALTIME=1700000000000001
`,
		"/run/systemd/sessions/c1": "USER=gdm\nCLASS=greeter\n",
	})
	a := collect[*facts.Accounts](t, host.accounts)
	require.Equal(t, []facts.User{
		{Name: "root", ID: "0", FullName: "root", Home: "/root", Shell: "/bin/sh", Admin: &yes, Disabled: &no},
		{Name: "daemon", ID: "1", Home: "/usr/sbin", Shell: "/usr/sbin/nologin", Admin: &no, Disabled: &yes, System: true},
		{Name: "ann", ID: "1000", FullName: "Ann Example", Home: "/home/ann", Shell: "/bin/bash", Admin: &yes, Disabled: &no},
		{Name: "bob", ID: "1001", Home: "/home/bob", Shell: "/bin/sh", Admin: &yes, Disabled: &yes},
	}, a.Users)
	require.Equal(t, []facts.Group{{Name: "root", ID: "0"}, {Name: "sudo", ID: "27", Members: []string{"ann", "bob"}}, {Name: "users", ID: "100"}}, a.Groups)
	require.Equal(t, []facts.Session{{User: "ann", Kind: "remote", State: "active", Client: "192.0.2.9", Since: moment(time.Unix(1700000000, 0))}}, a.Sessions)
}

// Who may not read the passwords' file does not know who is locked out.
func TestAccountsWithoutShadow(t *testing.T) {
	host := hostOf(t, map[string]string{"/etc/passwd": "ann:x:1000:1000::/home/ann:/bin/bash\n"})
	require.Nil(t, collect[*facts.Accounts](t, host.accounts).Users[0].Disabled)
}

func TestAnExpiredAccountIsDisabled(t *testing.T) {
	host := hostOf(t, map[string]string{"/etc/passwd": "ann:x:1000:1000::/home/ann:/bin/bash\n", "/etc/shadow": "ann:$y$x:1:0:9:7::12000:\n"})
	require.True(t, *collect[*facts.Accounts](t, host.accounts).Users[0].Disabled)
}
