package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func TestWindowsName(t *testing.T) {
	for _, c := range []struct {
		product string
		build   uint64
		server  bool
		want    string
	}{
		{"Windows 10 Pro", 26100, false, "Windows 11 Pro"},
		{"Windows 10 Enterprise LTSC 2021", 19044, false, "Windows 10 Enterprise LTSC 2021"},
		{"Windows Server 2022 Standard", 26100, true, "Windows Server 2022 Standard"},
		{"", 22000, false, ""},
	} {
		require.Equal(t, c.want, windowsName(c.product, c.build, c.server))
	}
}

func TestInstallDate(t *testing.T) {
	for text, want := range map[string]string{
		"20241113":            "2024-11-13",
		"11/13/2024":          "2024-11-13",
		"13/11/2024":          "2024-11-13",
		"3/4/2024":            "2024-03-04",
		"13.11.2024":          "2024-11-13",
		"2024.11.13.":         "2024-11-13",
		"2024-11-13":          "2024-11-13",
		"13-11-2024":          "2024-11-13",
		"2024/11/13":          "2024-11-13",
		"2024-11-13 10:11:12": "2024-11-13",
		"01DB35AE54A5C000":    "2024-11-13",
		"1731456000":          "2024-11-13",
		"20240631":            "",
		"20241399":            "",
		"13/13/2024":          "",
		"13.11.67":            "",
		"11/13/2567":          "",
		"":                    "",
		"gestern":             "",
		"99999999999999999":   "",
		"ffffffffffffffff":    "",
		"1/2":                 "",
	} {
		got := installDate(text)
		if want == "" {
			require.Nil(t, got, text)
			continue
		}
		require.NotNil(t, got, text)
		require.Equal(t, want, got.Format(time.DateOnly), text)
	}
}

func TestMoments(t *testing.T) {
	require.Equal(t, "2024-11-13T09:11:12Z", cimTime("20241113101112.000000+060").Format(time.RFC3339))
	require.Equal(t, "2024-11-13T15:11:12Z", cimTime("20241113101112.123456-300").Format(time.RFC3339))
	require.Nil(t, cimTime("00000000000000.000000:000"))
	require.Nil(t, cimTime("2024"))
	require.Equal(t, "2024-11-13T10:11:12Z", dateTime("2024-11-13 10:11:12").Format(time.RFC3339))
	require.Nil(t, dateTime("soon"))
	require.Equal(t, "2009-07-25T23:00:00Z", filetime(128_930_364_000_000_000).Format(time.RFC3339), "the example of SystemTimeToFileTime")
	require.Nil(t, filetime(0))
	info := make([]byte, 216)
	copy(info[200:], []byte{0x00, 0xc0, 0xa5, 0x54, 0xae, 0x35, 0xdb, 0x01})
	require.Equal(t, "2024-11-13", logonTime(info).Format(time.DateOnly))
	require.Nil(t, logonTime(info[:207]))
}

func TestProductState(t *testing.T) {
	for state, want := range map[uint32][2]bool{ // enabled, up to date
		397568: {true, true},  // 0x061100: Defender
		397584: {true, false}, // 0x061110
		393472: {false, true}, // 0x060100
		401664: {false, true}, // 0x062100: snoozed
		266240: {true, true},  // 0x041000
		405504: {false, true}, // 0x063000: expired
	} {
		p := protection(" Shield\x00junk", state, true)
		require.Equal(t, "Shield", p.Name)
		require.Equal(t, want, [2]bool{*p.Enabled, *p.UpToDate}, "%#x", state)
	}
	require.Nil(t, protection("Wall", 266240, false).UpToDate, "a firewall has no signatures")
}

func TestWindowsProgram(t *testing.T) {
	for line, want := range map[string]string{
		`"C:\Program Files\A b\a.exe" --token secret`: `C:\Program Files\A b\a.exe`,
		`C:\Program Files\A b\a.EXE -k netsvcs`:       `C:\Program Files\A b\a.EXE`,
		`C:\windows\svchost.exe -k LocalService`:      `C:\windows\svchost.exe`,
		`\SystemRoot\driver.sys secret`:               `\SystemRoot\driver.sys`,
		`"unended`:                                    "unended",
		"":                                            "",
	} {
		require.Equal(t, want, windowsProgram(line))
	}
}

func TestUninstallEntries(t *testing.T) {
	office := uninstallEntry{Key: "{A}", DisplayName: "Office", DisplayVersion: "16.0", Publisher: "Microsoft", InstallDate: "20241113", EstimatedSize: 3, WindowsInstaller: true}
	p, ok := office.program("machine", "x64")
	require.True(t, ok)
	require.Equal(t, facts.Program{
		Name: "Office", Version: "16.0", Publisher: "Microsoft", Arch: "x64", Source: "msi", Scope: "machine", ID: "{A}", Bytes: 3072, Installed: day(2024, 11, 13),
	}, p)
	for name, hidden := range map[string]uninstallEntry{
		"no name":   {Key: "x"},
		"component": {DisplayName: "x", SystemComponent: true},
		"part":      {DisplayName: "x", ParentKeyName: "Office"},
		"update":    {DisplayName: "x", ReleaseType: "Security Update"},
	} {
		_, ok := hidden.program("machine", "")
		require.False(t, ok, name)
	}
}

func TestStorePackages(t *testing.T) {
	p, ok := storePackage("Microsoft.WindowsCalculator_11.2405.2.0_x64__8wekyb3d8bbwe", "user:A\\b")
	require.True(t, ok)
	require.Equal(t, facts.Program{
		Name: "Microsoft.WindowsCalculator", Version: "11.2405.2.0", Arch: "x64", Source: "store", Scope: "user:A\\b",
		ID: "Microsoft.WindowsCalculator_11.2405.2.0_x64__8wekyb3d8bbwe",
	}, p)
	for _, other := range []string{"x", "_1_x64__p", "Microsoft.X_1.0_neutral_split.language-de_8wekyb3d8bbwe", ""} {
		_, ok := storePackage(other, "machine")
		require.False(t, ok, other)
	}
}

func TestMonitorKey(t *testing.T) {
	require.Equal(t, `SYSTEM\CurrentControlSet\Enum\DISPLAY\DEL40F1\5&1a2b&0&UID4352\Device Parameters`, monitorKey(`DISPLAY\DEL40F1\5&1a2b&0&UID4352_0`))
	for _, hostile := range []string{"", "x_0", `..\..\SAM_0`, `DISPLAY\a`} {
		require.Empty(t, monitorKey(hostile))
	}
}

func TestDiskWords(t *testing.T) {
	require.Equal(t, "nvme", windowsDiskKind(4, diskBus(17), "Samsung"))
	require.Equal(t, "ssd", windowsDiskKind(4, diskBus(11), "Samsung"))
	require.Equal(t, "hdd", windowsDiskKind(3, diskBus(11), "WDC"))
	require.Equal(t, "virtual", windowsDiskKind(0, diskBus(10), "Msft Virtual Disk"))
	require.Equal(t, "virtual", windowsDiskKind(4, diskBus(15), "x"))
	require.Empty(t, windowsDiskKind(0, "", "x"))
	require.Equal(t, "0025_3858_1100_0F7A", diskSerial(" 0025_3858_1100_0F7A."))
	require.Equal(t, "running", serviceState(4))
	require.Equal(t, "unknown", serviceState(99))
	require.Equal(t, "delayed", serviceStart(2, true))
	require.Equal(t, "disabled", serviceStart(4, true))
	require.Equal(t, "unknown", serviceStart(99, false))
}

func FuzzWindowsText(f *testing.F) {
	f.Add("20241113101112.000000+060", []byte{65, 0, 0, 0})
	f.Add("01DB35AE54A5C000", []byte{1})
	f.Add("Microsoft.X_1.0_x64__p", []byte{})
	f.Add("İ.exe", []byte{})
	f.Fuzz(func(_ *testing.T, text string, data []byte) {
		installDate(text)
		cimTime(text)
		dateTime(text)
		windowsProgram(text)
		storePackage(text, "machine")
		monitorKey(text)
		utf16Text(data)
		logonTime(data)
		topology(data, 8)
		topology(data, 4)
		_, _ = machine(data)
	})
}
