package inventory

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func recordedReport(t *testing.T, name string) report {
	t.Helper()
	r, err := profiler(recordedMac(t, name))
	require.NoError(t, err)
	return r
}

func TestALaptopOfApple(t *testing.T) {
	yes := true
	r := recordedReport(t, "laptop.json")
	require.Equal(t, facts.Hardware{
		Vendor: "Apple Inc.", Model: "MacBookPro18,3", SKU: "MKGP3D/A", Serial: "C02EXAMPLE01", UUID: "00112233-4455-6677-8899-aabbccddeeff", Chassis: "laptop",
		BIOS:          facts.BIOS{Vendor: "Apple Inc.", Version: "11881.41.5"},
		MemoryModules: []facts.MemoryModule{{Bytes: 16 << 30, Type: "LPDDR5", Vendor: "Hynix"}},
		GPUs:          []facts.GPU{{Name: "Apple M1 Pro", Vendor: "Apple"}},
		Monitors:      []facts.Monitor{{Name: "Color LCD", Vendor: "APP", Serial: "fd626d62", Width: 3024, Height: 1964}},
		Batteries:     []facts.Battery{{Name: "SMP bq40z651", Cycles: 112, Charge: 81, Charging: &yes}},
	}, r.machine())
	disks := r.disks()
	require.Equal(t, []facts.Disk{{
		Name: "disk0", Model: "APPLE SSD AP0512R", Serial: "0ba01234c8b5e61f", Firmware: "561.41.5", Bytes: 500277792768, Kind: "nvme", Bus: "nvme", Healthy: &yes,
	}}, disks)
	v := facts.Volume{Device: "/dev/disk3s1s1"}
	r.describe(&v, disks)
	require.Equal(t, facts.Volume{Device: "/dev/disk3s1s1", Label: "Macintosh HD", UUID: "aabb0011-0000-1111-2222-333344445555", Disks: []string{"disk0"}}, v)
}

func TestADesktopOfApple(t *testing.T) {
	no := false
	r := recordedReport(t, "desktop.json")
	h := r.machine()
	require.Equal(t, "iMac20,1 desktop", h.Model+" "+h.Chassis)
	require.Equal(t, []facts.MemoryModule{
		{Slot: "BANK 0/ChannelA-DIMM0", Bytes: 8 << 30, Type: "DDR4", MTps: 2667, Vendor: "0x802C", Part: "0x344154", Serial: "0x2A5B"},
		{Slot: "BANK 2/ChannelB-DIMM0", Bytes: 8 << 30, Type: "DDR4", MTps: 2667, Vendor: "0x802C", Part: "0x344154", Serial: "0x2A5C"},
	}, h.MemoryModules)
	require.Equal(t, []facts.GPU{{Name: "AMD Radeon Pro 5500 XT", Vendor: "amd", Bytes: 8 << 30}}, h.GPUs)
	require.Equal(t, []facts.Monitor{{Name: "DELL U2720Q", Vendor: "DEL", Serial: "EX4MPLE", Width: 3840, Height: 2160}}, h.Monitors)
	require.Empty(t, h.Batteries)
	require.Equal(t, []facts.Disk{
		{Name: "disk1", Model: "APPLE HDD ST1000LM024", Serial: "S2Y", Bytes: 1000204886016, Kind: "hdd", Bus: "sata", Healthy: &no},
		{Name: "disk4", Model: "Ultra Fit", Serial: "4C53", Bytes: 61530439680, Kind: "usb", Bus: "usb", Removable: true},
	}, r.disks())
}

func TestReportsThatAreNone(t *testing.T) {
	for _, data := range []string{"", "[]", `{"SPHardwareDataType": {}}`, `{"a": [1]}`} {
		_, err := profiler([]byte(data))
		require.Error(t, err, data)
	}
	r, err := profiler([]byte(`{"SPHardwareDataType": [{"serial_number": 7, "machine_model": null}], "SPPowerDataType": [{"sppower_battery_charge_info": "x"}]}`))
	require.NoError(t, err)
	require.Equal(t, "7", r.machine().Serial)
	require.Empty(t, report(nil).disks())
}

func TestChassisOfApple(t *testing.T) {
	for name, want := range map[string]string{"Mac mini Macmini9,1": "desktop", "Apple Virtual Machine 1 VirtualMac2,1": "virtual", " ": "", "Xserve Xserve3,1": "server"} {
		require.Equal(t, want, macChassis(name))
	}
}

func TestAccountsOfMacOS(t *testing.T) {
	yes, no := true, false
	groups := macGroups(recordedMac(t, "groups.txt"))
	require.Equal(t, []facts.Group{
		{Name: "admin", ID: "80", Members: []string{"anna", "root"}}, {Name: "staff", ID: "20", Members: []string{"root"}}, {Name: "empty", ID: "300", Members: []string{}},
	}, groups)
	require.Equal(t, []facts.User{
		{Name: "_spotlight", ID: "89", FullName: "Spotlight", Home: "/var/empty", Shell: "/usr/bin/false", Disabled: &yes, Admin: &no, System: true},
		{Name: "anna", ID: "501", FullName: "Anna Example", Home: "/Users/anna", Shell: "/bin/zsh", Admin: &yes},
		{Name: "nobody", ID: "-2", FullName: "Unprivileged User", Home: "/var/empty", Shell: "/usr/bin/false", Disabled: &yes, Admin: &no, System: true},
		{Name: "root", ID: "0", FullName: "System Administrator", Home: "/var/root", Shell: "/bin/sh", Admin: &yes},
	}, macUsers(recordedMac(t, "users.txt"), groups))
}

// utmpxRecord is one of struct utmpx32.
func utmpxRecord(user, line, from string, kind uint16, at uint32) []byte {
	r := make([]byte, 628)
	copy(r, user)
	copy(r[260:], line)
	binary.LittleEndian.PutUint16(r[296:], kind)
	binary.LittleEndian.PutUint32(r[300:], at)
	copy(r[308:], from)
	return r
}

func TestSessionsOfMacOS(t *testing.T) {
	at := moment(time.Unix(1731456000, 0))
	data := records(
		utmpxRecord("utmpx-1.00", "", "", 10, 0), utmpxRecord("anna", "console", "", 7, 1731456000), utmpxRecord("anna", "ttys001", "192.0.2.7", 7, 1731456000),
		utmpxRecord("bert", "ttys000", "", 7, 1731456000), utmpxRecord("gone", "ttys002", "", 8, 1731456000), make([]byte, 100),
	)
	require.Equal(t, []facts.Session{
		{User: "anna", Kind: "console", Since: at}, {User: "anna", Kind: "remote", Client: "192.0.2.7", Since: at}, {User: "bert", Kind: "tty", Since: at},
	}, utmpx(data))
}

func TestDaemonsOfMacOS(t *testing.T) {
	pids := running(recordedMac(t, "launchctl.txt"))
	require.Equal(t, map[string]int{"org.example.sync": 312}, pids)
	disabled := dict{"org.example.off": true, "org.example.on": false}
	for _, c := range []struct {
		job  dict
		want facts.Service
	}{
		{
			dict{"Label": "org.example.sync", "ProgramArguments": []any{"/usr/libexec/sync", "--password=x"}, "RunAtLoad": true, "UserName": "_sync"},
			facts.Service{Name: "org.example.sync", Command: "/usr/libexec/sync", Account: "_sync", State: "running", Start: "auto", PID: 312},
		},
		{
			dict{"Label": "org.example.kept", "Program": "/bin/a", "KeepAlive": dict{"SuccessfulExit": false}},
			facts.Service{Name: "org.example.kept", Command: "/bin/a", Account: "root", State: "stopped", Start: "auto"},
		},
		{dict{"Label": "org.example.off"}, facts.Service{Name: "org.example.off", Account: "root", State: "stopped", Start: "disabled"}},
		{dict{"Label": "org.example.on", "Disabled": true}, facts.Service{Name: "org.example.on", Account: "root", State: "stopped", Start: "manual"}},
		{dict{"Label": "org.example.never", "Disabled": true}, facts.Service{Name: "org.example.never", Account: "root", State: "stopped", Start: "disabled"}},
	} {
		got, ok := launchJob(c.job, pids, disabled)
		require.True(t, ok)
		require.Equal(t, c.want, got)
	}
	_, ok := launchJob(dict{"ProgramArguments": []any{7}}, nil, nil)
	require.False(t, ok, "it has no name")
}

func TestProgramsOfMacOS(t *testing.T) {
	info, err := plistDict(recordedMac(t, "Info.binary.plist"))
	require.NoError(t, err)
	p, ok := application(info, "/Applications/Editor.app", "machine")
	require.True(t, ok)
	require.Equal(t, facts.Program{
		Name: "Éditeur 編", Version: "2.1", Source: "app", Scope: "machine", ID: "org.example.Editor", Location: "/Applications/Editor.app",
	}, p)
	p, ok = application(nil, "/Applications/Bare.app", "machine")
	require.True(t, ok)
	require.Equal(t, "Bare", p.Name)
	at := time.Date(2024, 11, 13, 0, 0, 0, 0, time.UTC)
	p, ok = receipt(dict{"PackageIdentifier": "org.example.pkg", "PackageVersion": "3", "InstallDate": at, "InstallPrefixPath": "usr/local"})
	require.True(t, ok)
	require.Equal(t, facts.Program{
		Name: "org.example.pkg", ID: "org.example.pkg", Version: "3", Source: "pkgutil", Scope: "machine", Installed: &at, Location: "/usr/local",
	}, p)
	_, ok = receipt(nil)
	require.False(t, ok)
}

func TestUpdatesOfMacOS(t *testing.T) {
	at := time.Date(2024, 11, 13, 0, 0, 0, 0, time.UTC)
	require.Equal(t, []facts.Update{{ID: "macOS 15.1", Title: "macOS 15.1", Version: "15.1", Installed: &at}}, installHistory([]any{
		dict{"processName": "macOS Installer", "displayName": "macOS 15.1", "displayVersion": "15.1", "date": at},
		dict{"processName": "installer", "displayName": "Editor"},
		"junk", nil,
	}))
	require.Equal(t, []facts.Update{{ID: "MSU_1", Title: "macOS 15.2", Version: "15.2"}}, recommended(dict{"RecommendedUpdates": []any{
		dict{"Product Key": "MSU_1", "Display Name": "macOS 15.2", "Display Version": "15.2"}, 7,
	}}))
}

func TestNetworkOfMacOS(t *testing.T) {
	gateway, device := defaultRoute(recordedMac(t, "route.txt"))
	require.Equal(t, "192.168.1.1 en0", gateway+" "+device)
	gateway, _ = defaultRoute([]byte("gateway: fe80::1%en0\n"))
	require.Equal(t, "fe80::1", gateway)
	servers, search := resolvConf([]byte("# x\nsearch a.example b.example\nnameserver 192.0.2.1\nnameserver fd00::1\nnameserver\n"))
	require.Equal(t, []string{"192.0.2.1", "fd00::1"}, servers)
	require.Equal(t, []string{"a.example", "b.example"}, search)
	known := macInterfaces(dict{"Interfaces": []any{
		dict{"BSD Name": "en0", "SCNetworkInterfaceType": "IEEE80211", "SCNetworkInterfaceInfo": dict{"UserDefinedName": "Wi-Fi"}}, "junk",
	}})
	require.Equal(t, map[string]macInterface{"en0": {"IEEE80211", "Wi-Fi"}}, known)
	for name, want := range map[string]string{
		"en0": "wifi", "en5": "ethernet", "utun3": "vpn", "bridge0": "bridge", "pdp_ip0": "cellular", "vlan0": "virtual", "awdl0": "", "llw0": "", "gif0": "",
	} {
		require.Equal(t, want, macKind(name, known[name].kind), name)
	}
}

func TestLinksOfMacOS(t *testing.T) {
	links := macLinks(recordedMac(t, "ifconfig.txt"))
	require.Equal(t, map[netip.Addr]bool{netip.MustParseAddr("2001:db8::cccc:dddd:2"): true, netip.MustParseAddr("2001:db8::cccc:dddd:3"): true}, links["en0"].temporary)
	for name, want := range map[string]uint64{"en0": 0, "en5": 1e9, "en6": 1e10, "en7": 0} {
		require.Equal(t, want, links[name].speed, name)
	}
	var f facts.Interface
	addPacket(&f, recordedMac(t, "getpacket.txt"))
	require.Equal(t, facts.Interface{DHCP: new(true), DHCPServer: "192.168.1.1", DNS: []string{"192.168.1.1", "192.168.1.2"}}, f)
	require.Equal(t, "Example Net", macSSID(recordedMac(t, "getsummary.txt")))
	require.Empty(t, macSSID([]byte("  BSSID : x\n  SSID : <redacted>\n")))
}

func TestWhatToolsOfMacOSSay(t *testing.T) {
	require.Equal(t, "00112233-4455-6677-8899-AABBCCDDEEFF", ioregText(recordedMac(t, "ioreg.txt"), "IOPlatformUUID"))
	require.Empty(t, ioregText(recordedMac(t, "ioreg.txt"), "IOPlatform"))
	require.Empty(t, ioregText([]byte(`"a" = "cut off`), "a"))
	yes, no := true, false
	for said, want := range map[string]*bool{
		"FileVault is On.\n":                                      &yes,
		"FileVault is Off.\n":                                     &no,
		"System Integrity Protection status: enabled.\n":          &yes,
		"System Integrity Protection status: disabled.\n":         &no,
		"System Integrity Protection status: unknown (Custom).\n": nil,
		"Firewall is enabled. (State = 1)\n":                      &yes,
		"Firewall is disabled. (State = 0)\n":                     &no,
		"":                                                        nil,
	} {
		require.Equal(t, want, onOff([]byte(said)), said)
	}
}

func FuzzToolsOfMacOS(f *testing.F) {
	for _, name := range []string{"laptop.json", "desktop.json", "users.txt", "groups.txt", "route.txt", "launchctl.txt", "ioreg.txt", "ifconfig.txt", "getpacket.txt", "getsummary.txt"} {
		f.Add(recordedMac(f, name))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if r, err := profiler(data); err == nil {
			r.machine()
			r.describe(&facts.Volume{Device: "/dev/disk0"}, r.disks())
		}
		macUsers(data, macGroups(data))
		defaultRoute(data)
		running(data)
		ioregText(data, "a")
		utmpx(data)
		resolvConf(data)
		onOff(data)
		macLinks(data)
		addPacket(&facts.Interface{}, data)
		macSSID(data)
	})
}
