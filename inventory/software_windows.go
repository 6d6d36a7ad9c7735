package inventory

import (
	"context"
	"runtime"
	"slices"

	"golang.org/x/sys/windows/registry"

	"github.com/kanade-go/kanade/inventory/facts"
)

const (
	uninstallKeys = `SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`
	uninstall32   = `SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall` // of users, who have no views
	storePackages = `Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages`
	provisioned   = `SOFTWARE\Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\Applications`
)

// software is what the registry says; Win32_Product would repair every package
// that it names.
func (h host) software(ctx context.Context, n *notes) (any, error) {
	list := programs{seen: make(map[facts.Program]bool)}
	native := nativePackages()
	for _, read := range []func(){
		func() {
			list.uninstallable(registry.LOCAL_MACHINE, uninstallKeys, registry.WOW64_64KEY, "machine", native, n)
		},
		func() {
			list.uninstallable(registry.LOCAL_MACHINE, uninstallKeys, registry.WOW64_32KEY, "machine", "x86", n)
		},
		func() { list.store(registry.LOCAL_MACHINE, provisioned, "machine", n) },
		func() { list.ofUsers(ctx, native, n) },
	} {
		if ctx.Err() != nil {
			break
		}
		read()
	}
	all := list.all
	slices.SortFunc(all, byName)
	s := &facts.Software{Programs: append([]facts.Program{}, all...)}
	if ctx.Err() != nil {
		return s, context.Cause(ctx)
	}
	return s, list.err
}

// nativePackages: on ARM the keys of 64-bit programs do not tell which they are.
func nativePackages() string {
	return map[string]string{"amd64": "x64", "386": "x86"}[runtime.GOARCH]
}

// programs is a list without what two views of the registry both have.
type programs struct {
	all  []facts.Program
	seen map[facts.Program]bool
	err  error
}

func (l *programs) add(p facts.Program) {
	same := facts.Program{Name: p.Name, Version: p.Version, Scope: p.Scope, ID: p.ID, Source: p.Source}
	switch {
	case l.seen[same]:
	case len(l.all) == maxPrograms:
		l.err = errTooManyPrograms
	default:
		l.seen[same] = true
		l.all = append(l.all, p)
	}
}

func (l *programs) uninstallable(root registry.Key, path string, view uint32, scope, arch string, n *notes) {
	withKey(root, path, view, n, func(list key) {
		for _, name := range list.below() {
			withKey(list.Key, name, view, n, func(k key) {
				if p, ok := entryOf(name, k).program(scope, arch); ok {
					l.add(p)
				}
			})
		}
	})
}

func entryOf(name string, k key) uninstallEntry {
	size, _ := k.number("EstimatedSize")
	set := func(value string) bool { on := k.yes(value); return on != nil && *on }
	return uninstallEntry{
		Key: name, DisplayName: k.text("DisplayName"), DisplayVersion: k.text("DisplayVersion"), Publisher: k.text("Publisher"),
		InstallDate: k.text("InstallDate"), InstallLocation: k.text("InstallLocation"), UninstallString: k.text("UninstallString"),
		ParentKeyName: k.text("ParentKeyName"), ReleaseType: k.text("ReleaseType"), EstimatedSize: size,
		SystemComponent: set("SystemComponent"), WindowsInstaller: set("WindowsInstaller"),
	}
}

func (l *programs) store(root registry.Key, path, scope string, n *notes) {
	withKey(root, path, registry.WOW64_64KEY, n, func(list key) {
		for _, full := range list.below() {
			if p, ok := storePackage(full, scope); ok {
				l.add(p)
			}
		}
	})
}

// ofUsers is what those have whose part of the registry is loaded.
func (l *programs) ofUsers(ctx context.Context, native string, n *notes) {
	for _, h := range hives(n) {
		if ctx.Err() != nil {
			return
		}
		scope := "user:" + h.user
		l.uninstallable(registry.USERS, h.sid+`\`+uninstallKeys, 0, scope, native, n)
		l.uninstallable(registry.USERS, h.sid+`\`+uninstall32, 0, scope, "x86", n)
		l.store(registry.USERS, h.sid+`_Classes\`+storePackages, scope, n)
	}
}
