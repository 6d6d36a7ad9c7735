package inventory

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

// loadedUnit is a row of what systemd answers.
type loadedUnit struct{ name, load, active, sub string }

// unitsReply is the answer to the call of that number: a(ssssssouso).
func unitsReply(serial uint32, units ...loadedUnit) []byte {
	var rows dbusWriter
	for _, u := range units {
		rows.pad(8)
		for _, s := range []string{u.name, "a description", u.load, u.active, u.sub, "", "/org/freedesktop/systemd1/unit/x"} {
			rows.text(s)
		}
		rows.number(0)
		rows.text("")
		rows.text("/")
	}
	var body dbusWriter
	body.number(uint32(len(rows)))
	body.pad(8)
	return replyTo(serial, "a(ssssssouso)", append(body, rows...))
}

func replyTo(serial uint32, signature string, body []byte) []byte {
	var fields dbusWriter
	fields = append(fields, dbusReplyTo)
	fields.signature("u")
	fields.number(serial)
	fields.pad(8)
	fields = append(fields, dbusSigned)
	fields.signature("g")
	fields.signature(signature)
	w := dbusWriter{'l', dbusReply, 1, dbusVersion}
	w.number(uint32(len(body)))
	w.number(7)
	w.number(uint32(len(fields)))
	w = append(w, fields...)
	w.pad(8)
	return append(w, body...)
}

// fakeSystemd listens like systemd: one connection after the other is let in, and
// all that is called is answered by answer.
func fakeSystemd(t *testing.T, socket string, answer func(serial uint32) []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(socket), 0o700))
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serveDBus(c, answer)
			_ = c.Close()
		}
	}()
}

func serveDBus(c net.Conn, answer func(serial uint32) []byte) {
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "\x00AUTH EXTERNAL ") {
		return
	}
	if _, err := io.WriteString(c, "OK 0123456789abcdef\r\n"); err != nil {
		return
	}
	if line, err := in.ReadString('\n'); err != nil || line != "BEGIN\r\n" {
		return
	}
	for {
		var head [16]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		fields, body := int(binary.LittleEndian.Uint32(head[12:])), int(binary.LittleEndian.Uint32(head[4:]))
		if _, err := in.Discard((fields+7)&^7 + body); err != nil {
			return
		}
		if _, err := c.Write(answer(binary.LittleEndian.Uint32(head[8:]))); err != nil {
			return
		}
	}
}

// shortRoot is a folder whose sockets have names that are short enough.
func shortRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "inv") //nolint:usetesting // its names are too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

var someUnits = []loadedUnit{
	{"web.service", "loaded", "failed", "failed"},
	{"db@main.service", "loaded", "active", "running"},
	{"rules.service", "loaded", "active", "exited"},
	{"loops.service", "loaded", "activating", "auto-restart"},
	{"gone.service", "not-found", "inactive", "dead"},
}

func unitFiles(t *testing.T) tree {
	t.Helper()
	host := newTree(shortRoot(t))
	for name, content := range map[string]string{
		"/usr/lib/systemd/system/web.service":   "[Service]\nExecStart=/bin/web\n[Install]\n",
		"/usr/lib/systemd/system/rules.service": "[Service]\nExecStart=/bin/rules\n",
		"/usr/lib/systemd/system/loops.service": "[Service]\nExecStart=/bin/loops\n",
		"/usr/lib/systemd/system/quiet.service": "[Service]\nExecStart=/bin/quiet\n",
		"/usr/lib/systemd/system/db@.service":   "[Unit]\nDescription=Database %I\n[Service]\nUser=db\nExecStart=/bin/db %i\n[Install]\n",
	} {
		writeFile(t, host.path(name), content)
	}
	for link, to := range map[string]string{
		"/etc/systemd/system/multi-user.target.wants/db@main.service": "/usr/lib/systemd/system/db@.service",
		"/etc/systemd/system/www.service":                             "/usr/lib/systemd/system/web.service",
		"/etc/systemd/system/masked.service":                          "/dev/null",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(host.path(link)), 0o700))
		require.NoError(t, os.Symlink(to, host.path(link)))
	}
	return host
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func statesOf(s *facts.Services) map[string]string {
	all := make(map[string]string)
	for _, service := range s.Services {
		all[service.Name] = service.State
	}
	return all
}

// A unit that failed, one that loaded its rules, one that is started for ever, one of
// a template: all of that only systemd knows. A second name of a unit is none.
func TestServicesAsSystemdKnowsThem(t *testing.T) {
	for _, socket := range []string{systemBus, systemdSocket} {
		t.Run(filepath.Base(socket), func(t *testing.T) {
			host := unitFiles(t)
			fakeSystemd(t, host.path(socket), func(serial uint32) []byte { return unitsReply(serial, someUnits...) })
			s := collect[*facts.Services](t, host.services)
			require.Equal(t, map[string]string{
				"web.service": "failed", "db@main.service": "running", "rules.service": "running", "loops.service": "starting", "quiet.service": "stopped",
				"masked.service": "stopped",
			}, statesOf(s))
			require.Equal(t, facts.Service{
				Name: "db@main.service", Display: "Database main", State: "running", Start: "auto", Account: "db", Command: "/bin/db",
			}, s.Services[0])
		})
	}
}

// Whatever answers in the place of systemd, the files tell the rest, and the problem
// is named.
func TestASystemdThatAnswersNonsense(t *testing.T) {
	whole := unitsReply(1, someUnits...)
	answers := map[string][]byte{
		"nothing": {}, "text": []byte("hello, this is no message of any bus at all\n"),
		"a huge one": append([]byte{'l', 2, 1, 1, 0xff, 0xff, 0xff, 0xff}, make([]byte, 8)...), "another type": replyTo(1, "s", []byte{4, 0, 0, 0, 'a', 'b'}),
		"cut in the middle": whole[:len(whole)/2], "a damaged length": slices.Clone(whole),
	}
	body := len(whole) - int(binary.LittleEndian.Uint32(whole[4:]))
	copy(answers["a damaged length"][body+8:], "\xff\xff\xff\xff") // of the first name
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			host := unitFiles(t)
			fakeSystemd(t, host.path(systemdSocket), func(uint32) []byte { return answer })
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // what waits for more is given up
			defer cancel()
			var n notes
			section, _ := host.services(ctx, &n)
			require.Len(t, section.(*facts.Services).Services, 6)
			problems := n.problems("services", nil)
			require.Len(t, problems, 1)
			require.Equal(t, "systemd", problems[0].Source)
		})
	}
}

func TestWithoutSystemdFilesTell(t *testing.T) {
	host := unitFiles(t)
	writeFile(t, host.path("/sys/fs/cgroup/system.slice/web.service/cgroup.procs"), "12\n")
	require.Equal(t, "running", statesOf(collect[*facts.Services](t, host.services))["web.service"])
}

// The bus itself, and a tool that reads what a stand-in for systemd answers.
func TestTheRealBus(t *testing.T) {
	for _, program := range []string{"dbus-daemon", "busctl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here", program)
		}
	}
	host := unitFiles(t)
	socket := host.path(systemBus)
	startBus(t, socket)
	service := bind(t, socket, "org.freedesktop.systemd1")
	ended := make(chan struct{})
	t.Cleanup(func() { <-ended })
	t.Cleanup(func() { _ = service.Close() })
	go func() {
		defer close(ended)
		service.serve(func(serial uint32) []byte { return unitsReply(serial, someUnits...) })
	}()
	require.Equal(t, "failed", statesOf(collect[*facts.Services](t, host.services))["web.service"])
	out, err := exec.CommandContext(t.Context(), "busctl", "--address=unix:path="+socket, "call", "org.freedesktop.systemd1",
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ListUnitsByPatterns", "asas", "0", "1", "*.service").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), `a(ssssssouso) 5 "web.service" "a description" "loaded" "failed" "failed"`)
}

func startBus(t *testing.T, socket string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(socket), 0o755))
	config := filepath.Join(filepath.Dir(socket), "bus.conf")
	writeFile(t, config, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+socket+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`)
	bus := exec.Command("dbus-daemon", "--nofork", "--config-file="+config)
	require.NoError(t, bus.Start())
	t.Cleanup(func() {
		require.NoError(t, bus.Process.Kill())
		_ = bus.Wait() // killed
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, 30*time.Second, 10*time.Millisecond)
}

// bound is a connection to a bus that has a name there.
type bound struct{ *dbusConn }

func bind(t *testing.T, socket, name string) bound {
	t.Helper()
	c, err := dialDBus(t.Context(), socket)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Time{}))
	const bus = "org.freedesktop.DBus"
	_, err = c.call(dbusMethod{to: bus, path: "/org/freedesktop/DBus", iface: bus, member: "Hello"})
	require.NoError(t, err)
	var arguments dbusWriter
	arguments.text(name)
	arguments.number(0)
	_, err = c.call(dbusMethod{to: bus, path: "/org/freedesktop/DBus", iface: bus, member: "RequestName", signature: "su", body: string(arguments)})
	require.NoError(t, err)
	return bound{c}
}

// serve answers all calls, to those who called.
func (b bound) serve(answer func(serial uint32) []byte) {
	for {
		var head [16]byte
		if _, err := io.ReadFull(b.in, head[:]); err != nil {
			return
		}
		size, err := dbusSize(head)
		if err != nil {
			return
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(b.in, data); err != nil {
			return
		}
		if head[1] != dbusCall {
			continue
		}
		_, _ = b.Write(addressed(answer(binary.LittleEndian.Uint32(head[8:])), senderOf(data[:binary.LittleEndian.Uint32(head[12:])])))
	}
}

// senderOf finds the unique name of a caller, :1.7, among the fields.
func senderOf(fields []byte) string {
	r := &dbusReader{order: binary.LittleEndian, data: fields}
	for r.more(8) {
		code, kind := r.octet(), r.signature()
		switch kind {
		case "s", "o":
			if s := r.text(); code == 7 {
				return s
			}
		case "g":
			r.signature()
		default:
			r.number()
		}
	}
	return ""
}

// addressed adds the field of the destination to a message.
func addressed(message []byte, to string) []byte {
	size := int(binary.LittleEndian.Uint32(message[12:]))
	fields := dbusWriter(append([]byte{}, message[16:16+size]...))
	fields.pad(8)
	fields = append(fields, dbusTo)
	fields.signature("s")
	fields.text(to)
	w := dbusWriter(append([]byte{}, message[:12]...))
	w.number(uint32(len(fields)))
	w = append(w, fields...)
	w.pad(8)
	return append(w, message[16+(size+7)&^7:]...)
}

func FuzzDBus(f *testing.F) {
	f.Add(unitsReply(1, someUnits...))
	f.Add(replyTo(1, "s", []byte{1, 0, 0, 0, 'x', 0}))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) < 16 {
			return
		}
		head := [16]byte(data)
		size, err := dbusSize(head)
		if err != nil || size > len(data)-16 {
			return
		}
		if m, err := readDBus(head, data[16:16+size]); err == nil {
			_, _ = readUnits(m.body)
		}
	})
}
