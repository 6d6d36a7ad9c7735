package inventory

import (
	"errors"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"github.com/kanade-go/kanade/inventory/facts"
)

// recorded is a WMI that answers with rows by their class, column by column.
type recorded map[string][]map[string]any

var asked = regexp.MustCompile(`^SELECT (\w+(?:, \w+)*) FROM (\w+)$`)

func (r recorded) Query(query string, dst any, _ ...any) error {
	m := asked.FindStringSubmatch(query)
	if m == nil {
		return errors.New("not a query of named columns: " + query)
	}
	rows := reflect.ValueOf(dst).Elem()
	for _, columns := range r[m[2]] {
		row := reflect.New(rows.Type().Elem()).Elem()
		for name, value := range columns {
			row.FieldByName(name).Set(reflect.ValueOf(value).Convert(row.FieldByName(name).Type()))
		}
		rows.Set(reflect.Append(rows, row))
	}
	return nil
}

func collectWindows[T any](t *testing.T, section string, q Querier) T {
	t.Helper()
	host, err := NewLocal(WithSections(section), WithQuerier(q)).Collect(t.Context())
	require.NoError(t, err)
	return host.Section(section).(T)
}

// What this Windows says, whatever it is, of itself. Sections without WMI, and
// those with it.
func TestCollectWindows(t *testing.T) {
	local := NewLocal()
	host, err := local.Collect(t.Context())
	for _, p := range host.Problems {
		t.Log(p) // what this Windows lacks
	}
	require.NoError(t, err)
	require.Equal(t, "windows", host.OS.Family)
	require.Equal(t, runtime.GOARCH, host.OS.Arch)
	require.Contains(t, host.OS.Name, "Windows")
	require.Regexp(t, `^\d+\.\d+\.\d+$`, host.OS.Version)
	require.True(t, strings.HasPrefix(host.OS.Build, host.OS.Version[strings.LastIndex(host.OS.Version, ".")+1:]))
	require.WithinRange(t, *host.OS.BootedAt, time.Now().AddDate(-5, 0, 0), time.Now())
	require.NotEmpty(t, host.OS.MachineID)
	require.NotEmpty(t, host.Hardware.CPUs)
	require.Positive(t, host.Hardware.RAMBytes)
	require.NotEmpty(t, host.Storage.Volumes)
	require.True(t, slices.ContainsFunc(host.Storage.Volumes, func(v facts.Volume) bool { return v.Device == "C:" && v.Bytes > v.FreeBytes }))
	require.NotEmpty(t, host.Network.Interfaces)
	require.NotEmpty(t, host.Services.Services)

	again, err := local.Collect(t.Context())
	require.NoError(t, err)
	for _, name := range []string{facts.SectionOS, facts.SectionHardware, facts.SectionNetwork, facts.SectionSoftware, facts.SectionUpdates, facts.SectionAccounts, facts.SectionSecurity} {
		require.Equal(t, host.Section(name), again.Section(name), "nothing changed")
	}
}

// A WMI that hangs costs what it would have told, and nothing else.
func TestAWMIThatHangsOnWindows(t *testing.T) {
	release := make(chan struct{})
	var once, ended sync.WaitGroup
	once.Add(1)
	var first sync.Once
	q := queryFunc(func(string, any) error {
		ended.Add(1)
		defer ended.Done()
		first.Do(once.Done)
		<-release
		return nil
	})
	defer ended.Wait()
	defer close(release)
	local := NewLocal(WithQuerier(q), WithTimeout(2*time.Second, facts.SectionHardware, facts.SectionStorage, facts.SectionUpdates, facts.SectionSecurity))
	host, err := local.Collect(t.Context())
	require.NoError(t, err)
	once.Wait()
	require.Positive(t, host.Hardware.RAMBytes)
	require.NotEmpty(t, host.Storage.Volumes)
	require.NotNil(t, host.Updates)
	require.NotNil(t, host.Security)
	busy := 0
	for _, p := range host.Problems {
		if strings.Contains(p.Text, ErrBusy.Error()) {
			busy++
		}
	}
	require.Positive(t, busy)
}

func TestDisksOfWindows(t *testing.T) {
	yes, no := true, false
	s := collectWindows[*facts.Storage](t, facts.SectionStorage, recorded{
		"MSFT_PhysicalDisk": {
			{"DeviceId": "10", "FriendlyName": "USB Stick", "BusType": 7, "Size": 8, "HealthStatus": 2},
			{"DeviceId": "0", "Model": "SAMSUNG MZVL2512", "SerialNumber": "0025_38B1.", "FirmwareVersion": "GXA7", "Size": 512, "MediaType": 4, "BusType": 17},
		},
		"Win32_EncryptableVolume": {{"DriveLetter": "C:", "ProtectionStatus": 1}},
	})
	require.Equal(t, []facts.Disk{
		{Name: "PhysicalDrive0", Model: "SAMSUNG MZVL2512", Serial: "0025_38B1", Firmware: "GXA7", Bytes: 512, Kind: "nvme", Bus: "nvme", Healthy: &yes},
		{Name: "PhysicalDrive10", Model: "USB Stick", Bytes: 8, Kind: "usb", Bus: "usb", Removable: true, Healthy: &no},
	}, s.Disks)
	for _, v := range s.Volumes {
		if v.Device == "C:" {
			require.Equal(t, "bitlocker", v.Encryption)
		}
	}

	s = collectWindows[*facts.Storage](t, facts.SectionStorage, recorded{
		"Win32_DiskDrive": {{"Index": 1, "Model": "VBOX HARDDISK", "InterfaceType": "IDE", "Size": 7}},
	})
	require.Equal(t, []facts.Disk{{Name: "PhysicalDrive1", Model: "VBOX HARDDISK", Bytes: 7, Kind: "virtual", Bus: "ide"}}, s.Disks)
}

func TestHardwareOfWindows(t *testing.T) {
	yes := true
	const monitor = `SYSTEM\CurrentControlSet\Enum\DISPLAY\TST0001\1&2&3\Device Parameters`
	setKey(t, registry.LOCAL_MACHINE, monitor, map[string]any{"EDID": windowsEDID()})
	h := collectWindows[*facts.Hardware](t, facts.SectionHardware, recorded{
		"Win32_Tpm":             {{"SpecVersion": "2.0, 0, 1.38", "ManufacturerIdTxt": "INTC\x00", "IsEnabled_InitialValue": true}},
		"Win32_VideoController": {{"Name": "Example GPU", "AdapterCompatibility": "Example", "DriverVersion": "31.0", "AdapterRAM": 1 << 30}},
		"Win32_Battery":         {{"Name": "DELL X", "EstimatedChargeRemaining": 70, "BatteryStatus": 6}},
		"BatteryStaticData":     {{"InstanceName": "a", "DeviceName": "X", "ManufactureName": "DELL", "DesignedCapacity": 60000}},
		"BatteryFullChargedCapacity": {
			{"InstanceName": "b", "FullChargedCapacity": 1}, {"InstanceName": "a", "FullChargedCapacity": 50000},
		},
		"BatteryCycleCount": {{"InstanceName": "a", "CycleCount": 12}},
		"WmiMonitorID":      {{"InstanceName": `DISPLAY\TST0001\1&2&3_0`, "Active": true}, {"InstanceName": `DISPLAY\TST0001\1&2&3_0`}},
	})
	require.Equal(t, &facts.TPM{Version: "2.0", Vendor: "INTC", Enabled: &yes}, h.TPM)
	require.Equal(t, []facts.GPU{{Name: "Example GPU", Vendor: "Example", Driver: "31.0", Bytes: 1 << 30}}, h.GPUs)
	require.Equal(t, []facts.Battery{{Name: "DELL X", Design: 60000, Full: 50000, Cycles: 12, Charge: 70, Charging: &yes}}, h.Batteries)
	require.Equal(t, []facts.Monitor{{Vendor: "DEL", Serial: "77", Width: 3840, Height: 2160}}, h.Monitors)
}

func windowsEDID() []byte {
	e := make([]byte, 128)
	copy(e, []byte{0, 255, 255, 255, 255, 255, 255, 0, 0x10, 0xac, 1, 0, 77, 0, 0, 0})
	copy(e[54:], []byte{0x4d, 0xd0, 0x00, 0x00, 0xf0, 0x70, 0x00, 0x80})
	return e
}

func TestProtectionOfWindows(t *testing.T) {
	yes, no := true, false
	updated := cimTime("20241113101112.000000+000")
	defender := map[string]any{
		"AMProductVersion": "4.18", "AntivirusSignatureLastUpdated": "20241113101112.000000+000", "AntivirusEnabled": true, "RealTimeProtectionEnabled": true,
		"AntivirusSignatureAge": 30,
	}
	s := collectWindows[*facts.Security](t, facts.SectionSecurity, recorded{
		"AntiVirusProduct":      {{"DisplayName": "Windows Defender", "ProductState": 397568}, {"DisplayName": "Other", "ProductState": 397584}},
		"FirewallProduct":       {{"DisplayName": "Wall", "ProductState": 262144}},
		"MSFT_MpComputerStatus": {defender},
	})
	require.Equal(t, []facts.Protection{
		{Name: "Windows Defender", Version: "4.18", Enabled: &yes, UpToDate: &yes, Updated: updated}, {Name: "Other", Enabled: &yes, UpToDate: &no},
	}, s.Antivirus)
	require.Contains(t, s.Firewalls, facts.Protection{Name: "Wall", Enabled: &no})
	s = collectWindows[*facts.Security](t, facts.SectionSecurity, recorded{"MSFT_MpComputerStatus": {defender}})
	require.Equal(t, []facts.Protection{{Name: "Microsoft Defender Antivirus", Version: "4.18", Enabled: &yes, UpToDate: &no, Updated: updated}}, s.Antivirus)
}

func TestHotFixes(t *testing.T) {
	u := collectWindows[*facts.Updates](t, facts.SectionUpdates, recorded{"Win32_QuickFixEngineering": {
		{"HotFixID": "KB2", "Description": "Update", "InstalledOn": "11/13/2024"},
		{"HotFixID": "KB1", "Description": "Security Update", "InstalledOn": "nonsense"},
		{"HotFixID": "File 1"},
	}})
	require.Equal(t, []facts.Update{{ID: "KB1", Title: "Security Update", Kind: "security"}, {ID: "KB2", Title: "Update", Installed: day(2024, 11, 13)}}, u.Installed)
	require.Equal(t, day(2024, 11, 13), u.LastChanged)
}

// setKey makes a key for the time of the test.
func setKey(t *testing.T, root registry.Key, path string, values map[string]any) {
	t.Helper()
	k, existed, err := registry.CreateKey(root, path, registry.ALL_ACCESS|registry.WOW64_64KEY)
	require.NoError(t, err)
	defer func() { require.NoError(t, k.Close()) }()
	for name, value := range values {
		switch v := value.(type) {
		case string:
			require.NoError(t, k.SetStringValue(name, v))
		case int:
			require.NoError(t, k.SetDWordValue(name, uint32(v)))
		case []byte:
			require.NoError(t, k.SetBinaryValue(name, v))
		case []string:
			require.NoError(t, k.SetStringsValue(name, v))
		}
		if existed {
			t.Cleanup(func() { deleteValue(t, root, path, name) })
		}
	}
	if !existed {
		t.Cleanup(func() { require.NoError(t, registry.DeleteKey(root, path)) })
	}
}

func deleteValue(t *testing.T, root registry.Key, path, name string) {
	t.Helper()
	k, err := registry.OpenKey(root, path, registry.SET_VALUE|registry.WOW64_64KEY)
	require.NoError(t, err)
	require.NoError(t, k.DeleteValue(name))
	require.NoError(t, k.Close())
}

func TestSoftwareOfWindows(t *testing.T) {
	const sid = "S-1-5-21-1-2-3-1001"
	setKey(t, registry.LOCAL_MACHINE, uninstallKeys+`\KanadeTest64`, map[string]any{
		"DisplayName": "Kanade Test", "DisplayVersion": "1.0", "Publisher": "x", "InstallDate": "20241113", "EstimatedSize": 2,
	})
	setKey(t, registry.LOCAL_MACHINE, uninstallKeys+`\KanadeHidden`, map[string]any{"DisplayName": "Kanade Hidden", "SystemComponent": 1})
	setKey(t, registry.USERS, sid, nil)
	setKey(t, registry.USERS, sid+`\Volatile Environment`, map[string]any{"USERNAME": "anna", "USERDOMAIN": "CORP"})
	setKey(t, registry.USERS, sid+`\SOFTWARE`, nil)
	setKey(t, registry.USERS, sid+`\SOFTWARE\Microsoft`, nil)
	setKey(t, registry.USERS, sid+`\SOFTWARE\Microsoft\Windows`, nil)
	setKey(t, registry.USERS, sid+`\SOFTWARE\Microsoft\Windows\CurrentVersion`, nil)
	setKey(t, registry.USERS, sid+`\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`, nil)
	setKey(t, registry.USERS, sid+`\`+uninstallKeys+`\{B}`, map[string]any{"DisplayName": "Kanade User", "WindowsInstaller": 1})

	s := collectWindows[*facts.Software](t, facts.SectionSoftware, nil)
	mine := slices.DeleteFunc(s.Programs, func(p facts.Program) bool { return !strings.HasPrefix(p.Name, "Kanade") })
	require.Equal(t, []facts.Program{
		{Name: "Kanade Test", Version: "1.0", Publisher: "x", Arch: nativePackages(), Source: "registry", Scope: "machine", ID: "KanadeTest64", Bytes: 2048, Installed: day(2024, 11, 13)},
		{Name: "Kanade User", Arch: nativePackages(), Source: "msi", Scope: `user:CORP\anna`, ID: "{B}"},
	}, mine)
}

func TestRegistryFactsOfWindows(t *testing.T) {
	setKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate`, nil)
	setKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update`, nil)
	setKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired`, nil)
	setKey(t, registry.LOCAL_MACHINE, control+"Session Manager", map[string]any{"PendingFileRenameOperations": []string{`\??\C:\a`, ""}})
	setKey(t, registry.LOCAL_MACHINE, control+"CloudDomainJoin", nil)
	setKey(t, registry.LOCAL_MACHINE, control+`CloudDomainJoin\JoinInfo`, nil)
	setKey(t, registry.LOCAL_MACHINE, control+`CloudDomainJoin\JoinInfo\ABCD`, map[string]any{"TenantId": "tenant-1"})
	setKey(t, registry.LOCAL_MACHINE, `SOFTWARE\Policies\Microsoft\Windows`, nil)
	setKey(t, registry.LOCAL_MACHINE, updatePolicy, map[string]any{"WUServer": "http://wsus:8530"})
	setKey(t, registry.LOCAL_MACHINE, updatePolicy+`\AU`, map[string]any{"UseWUServer": 1})

	o := collectWindows[*facts.OS](t, facts.SectionOS, nil)
	require.Subset(t, o.RestartPending, []string{"windows update", "files to be renamed"})
	require.Equal(t, "entra", o.Domain.Kind)
	require.Equal(t, "tenant-1", o.Domain.Tenant)
	require.Equal(t, "http://wsus:8530", collectWindows[*facts.Updates](t, facts.SectionUpdates, recorded{}).Server)
}

func TestListsOfTheSystem(t *testing.T) {
	require.Equal(t, []string{`C:\`, `D:\a\`}, texts(append(append(windows.StringToUTF16(`C:\`), windows.StringToUTF16(`D:\a\`)...), 0)))
	require.Empty(t, texts(nil))
	require.Equal(t, []string{"x"}, texts([]uint16{'x'}))
	require.True(t, personal("S-1-5-21-1-2-3-1001"))
	for _, other := range []string{".DEFAULT", "S-1-5-18", "S-1-5-21-1-2-3-1001_Classes"} {
		require.False(t, personal(other))
	}
}

var netAPIBufferAllocate = netapi32.NewProc("NetApiBufferAllocate")

// Lists of netapi32 come in parts, whose memory is the system's.
func TestListsInParts(t *testing.T) {
	calls := 0
	part := func(buffer **byte, read, _, resume *uint32) error {
		require.EqualValues(t, calls, *resume)
		calls++
		*resume, *read = uint32(calls), 2
		if err := netCall(netAPIBufferAllocate, 8, uintptr(unsafe.Pointer(buffer))); err != nil {
			return err
		}
		copy(unsafe.Slice(*buffer, 8), []byte{byte(calls), 0, 0, 0, byte(calls) + 10, 0, 0, 0})
		if calls < 3 {
			return windows.ERROR_MORE_DATA
		}
		return nil
	}
	var got []uint32
	require.NoError(t, netList(part, func(n *uint32) { got = append(got, *n) }))
	require.Equal(t, []uint32{1, 11, 2, 12, 3, 13}, got)

	refused := func(**byte, *uint32, *uint32, *uint32) error { return windows.ERROR_ACCESS_DENIED }
	require.ErrorIs(t, netList(refused, func(*uint32) {}), windows.ERROR_ACCESS_DENIED)
}

// A table of the system's that has other offsets than its C would be read wrong.
func TestLayouts(t *testing.T) {
	var user userInfo3
	var wlan wlanConnection
	if strconv.IntSize == 64 {
		require.EqualValues(t, 184, unsafe.Sizeof(user))
		require.EqualValues(t, 40, unsafe.Offsetof(user.flags))
		require.EqualValues(t, 64, unsafe.Offsetof(user.fullName))
		require.EqualValues(t, 96, unsafe.Offsetof(user.lastLogon))
		require.EqualValues(t, 152, unsafe.Offsetof(user.id))
	}
	require.EqualValues(t, 520, unsafe.Offsetof(wlan.ssidLength))
	require.EqualValues(t, 532, unsafe.Sizeof(wlanInterface{}))
}
