package inventory

import (
	"context"

	"github.com/kanade-go/kanade/inventory/facts"
)

const (
	socketFilter = "/usr/libexec/ApplicationFirewall/socketfilterfw"
	xprotect     = "/Library/Apple/System/Library/CoreServices/XProtect.bundle/Contents/Info.plist"
)

func (mac) security(ctx context.Context, n *notes) (any, error) {
	s := &facts.Security{}
	if on := onOff(toolNoting(ctx, n, "/usr/bin/csrutil", "status")); on != nil && *on {
		s.Mandatory = "sip"
	}
	if on := onOff(toolNoting(ctx, n, socketFilter, "--getglobalstate")); on != nil {
		s.Firewalls = []facts.Protection{{Name: "macOS Application Firewall", Enabled: on}}
	}
	if version := list(xprotect, n).text("CFBundleShortVersionString"); version != "" {
		s.Antivirus = []facts.Protection{{Name: "XProtect", Version: version, Updated: changed(xprotect)}}
	}
	return s, nil
}
