package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// upgradeCode is the product for Windows, whatever its version: it never changes.
var upgradeCode = uuid.MustParse("2f7a1c52-8d0b-4f2e-9c36-7c4e5b0f6d44")

// onlyAdministrators are the owner and the access list of the folders below
// ProgramData, where every user may make folders, and owns them: who can write there
// decides whose commands run here. In the language of security descriptors (Microsoft:
// "Security Descriptor String Format", "ACE Strings", "SID Strings"; for this use
// "MsiLockPermissionsEx Table", "FormattedSDDLText"):
//
//	O:BA G:BA  owner and group are the administrators; an owner may always change the list
//	D:PAI      the list; nothing is inherited from above (P), and it was passed on by inheritance (AI)
//	(A;OICI;FA;;;SY)  allow, handed down to files (OI) and folders (CI), everything (FA), to the local system; BA likewise
const onlyAdministrators = "O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

// closedFolders are those that get it, by their IDs. An agent that runs closes its state
// once more; until then nobody has put anything there.
var closedFolders = []string{"DATADIR", "CONFIGDIR", "STATEDIR", "LOGDIR"}

// packWindows makes the installer. wixl gives it random IDs and the time of day, which
// are set right afterwards.
func (r *release) packWindows(ctx context.Context) error {
	for _, p := range r.platforms {
		if p.goos != "windows" {
			continue
		}
		path := filepath.Join(r.dir, r.title()+"-"+p.name()+".msi")
		if err := r.packInstaller(ctx, p, path); err != nil {
			return fmt.Errorf("make the installer for %s: %w", p.name(), err)
		}
	}
	return nil
}

func (r *release) packInstaller(ctx context.Context, p platform, path string) error {
	n := r.numbers()
	if n[0] > 255 || n[1] > 255 || n[2] > 65535 {
		return fmt.Errorf("version %s: the largest that Windows Installer knows is 255.255.65535", r.version)
	}
	dir, err := r.gather(p)
	if err != nil {
		return err
	}
	version := fmt.Sprintf("%d.%d.%d", n[0], n[1], n[2])
	product := uuid.NewSHA1(upgradeCode, []byte(r.version+" "+p.name()))
	err = r.runIn(ctx, dir, nil, "wixl", "--arch", "x64", "--output", path,
		// Another one for each version: of the same one the installer would keep a program
		// that is newer than its own, and then remove it.
		"--define", "ProgramCode="+braced(uuid.NewSHA1(product, []byte("Program"))),
		"--define", "ProductCode="+braced(product), "--define", "UpgradeCode="+braced(upgradeCode),
		"--define", "Release="+r.version, "--define", "Version="+version, "kanade-agent.wxs")
	if err != nil {
		return err
	}
	for _, sql := range additions(version) {
		if err := r.run(ctx, nil, "msibuild", path, "-q", sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	if err := settle(path, uuid.NewSHA1(product, []byte("package")), r.date); err != nil {
		return err
	}
	return r.signFile(ctx, path)
}

// gather puts what goes into the installer into one folder: wixl finds files beside its
// source, and the cabinet keeps their times.
func (r *release) gather(p platform) (dir string, err error) {
	dir = filepath.Join(r.work, "installer-"+p.name())
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	for name, from := range map[string]string{
		program + ".exe": r.executable(p), program + "-completion.ps1": r.page(program + ".ps1"), "LICENSE.txt": "LICENSE",
		"agent.toml.example": "packaging/windows/agent.toml", "kanade-agent.wxs": "packaging/windows/kanade-agent.wxs",
	} {
		path := filepath.Join(dir, name)
		if err := writeFile(path, func(w io.Writer) error { return copyFile(w, from) }); err != nil {
			return "", err
		}
		if err := os.Chtimes(path, r.date, r.date); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// braced is how Windows Installer writes and compares IDs.
func braced(id uuid.UUID) string { return "{" + strings.ToUpper(id.String()) + "}" }

// additions are what wixl has no words for, as SQL.
func additions(version string) []string {
	var all []string
	// What the program leaves beside itself when it updates itself.
	for i, name := range []string{"new.exe", "last-good.exe", "last-good.exe.tmp", "old.exe", "older.exe", "update.json", "update.json.tmp"} {
		all = append(all, fmt.Sprintf("INSERT INTO `RemoveFile` (`FileKey`, `Component_`, `FileName`, `DirProperty`, `InstallMode`) "+
			"VALUES ('Staged%d', 'Program', '%s.%s', 'INSTALLDIR', 2)", i, program, name))
	}
	all = append(all,
		"CREATE TABLE `MsiLockPermissionsEx` (`MsiLockPermissionsEx` CHAR(72) NOT NULL, `LockObject` CHAR(72) NOT NULL, "+
			"`Table` CHAR(32) NOT NULL, `SDDLText` CHAR(255) NOT NULL, `Condition` CHAR(255) PRIMARY KEY `MsiLockPermissionsEx`)",
		"DELETE FROM `CreateFolder`")
	for _, id := range closedFolders {
		all = append(all, "INSERT INTO `CreateFolder` (`Directory_`, `Component_`) VALUES ('"+id+"', 'Folders')",
			"INSERT INTO `MsiLockPermissionsEx` (`MsiLockPermissionsEx`, `LockObject`, `Table`, `SDDLText`) "+
				"VALUES ('"+id+"', '"+id+"', 'CreateFolder', '"+onlyAdministrators+"')")
	}
	return append(all,
		"CREATE TABLE `Environment` (`Environment` CHAR(72) NOT NULL, `Name` CHAR(255) NOT NULL LOCALIZABLE, "+
			"`Value` CHAR(255) LOCALIZABLE, `Component_` CHAR(72) NOT NULL PRIMARY KEY `Environment`)",
		"INSERT INTO `Environment` (`Environment`, `Name`, `Value`, `Component_`) VALUES ('Path', '=-*PATH', '[~];[INSTALLDIR]', 'Program')",
		"INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('RemoveEnvironmentStrings', 3300)",
		"INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES ('WriteEnvironmentStrings', 5200)",
		"UPDATE `File` SET `Version` = '"+version+".0' WHERE `File` = 'Executable'",
		"DELETE FROM `MsiFileHash` WHERE `File_` = 'Executable'",
		// The same version too: a release candidate and its release have the same numbers.
		"DELETE FROM `Upgrade` WHERE `ActionProperty` = 'OLDER'",
		"INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMin`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('"+
			braced(upgradeCode)+"', '0.0.0', '"+version+"', 769, 'OLDER')", // 1 keeps features, 256 and 512 include both ends
		"UPDATE `Property` SET `Value` = 'NEWER;NOSTART;OLDER' WHERE `Property` = 'SecureCustomProperties'",
		"UPDATE `CustomAction` SET `Type` = 51 WHERE `Action` = 'FindCmd'",
	)
}
