package inventory

import (
	"context"

	"github.com/kanade-go/kanade/inventory/facts"
)

const securityCenter = `root\SecurityCenter2`

type antiVirusProduct struct {
	DisplayName  string
	ProductState uint32
}

type firewallProduct antiVirusProduct

func (h host) security(ctx context.Context, n *notes) (any, error) {
	s := &facts.Security{Firewalls: builtInFirewall(n)}
	for _, row := range askNoting[antiVirusProduct](ctx, h.wmi, n, securityCenter, "AntiVirusProduct") {
		s.Antivirus = append(s.Antivirus, protection(row.DisplayName, row.ProductState, true))
	}
	for _, row := range askNoting[firewallProduct](ctx, h.wmi, n, securityCenter, "FirewallProduct") {
		s.Firewalls = append(s.Firewalls, protection(row.DisplayName, row.ProductState, false))
	}
	s.Antivirus = h.defender(ctx, s.Antivirus, n)
	machineKey(`SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`, n, func(k key) { s.UAC = k.yes("EnableLUA") })
	return s, nil
}

type msftMpComputerStatus struct {
	AMProductVersion, AntivirusSignatureLastUpdated string
	AntivirusEnabled, RealTimeProtectionEnabled     bool
	AntivirusSignatureAge                           uint32 // days
}

// staleSignatures is how many days old signatures may be: that is when Defender
// itself complains.
const staleSignatures = 7

// defender adds what Defender says of itself. On servers, which have no Security
// Center, it is all that is known.
func (h host) defender(ctx context.Context, known []facts.Protection, n *notes) []facts.Protection {
	rows := askNoting[msftMpComputerStatus](ctx, h.wmi, n, `root\Microsoft\Windows\Defender`, "MSFT_MpComputerStatus")
	if len(rows) == 0 {
		return known
	}
	row := rows[0]
	version, updated := clean(row.AMProductVersion), cimTime(row.AntivirusSignatureLastUpdated)
	for i := range known {
		if isDefender(known[i].Name) {
			known[i].Version, known[i].Updated = version, updated
			return known
		}
	}
	if len(known) > 0 && !row.AntivirusEnabled {
		return known // another product took its place
	}
	on, fresh := row.AntivirusEnabled && row.RealTimeProtectionEnabled, row.AntivirusSignatureAge <= staleSignatures
	return append(known, facts.Protection{Name: "Microsoft Defender Antivirus", Version: version, Enabled: &on, UpToDate: &fresh, Updated: updated})
}

func isDefender(name string) bool {
	return name == "Windows Defender" || name == "Microsoft Defender Antivirus"
}

// firewallProfiles are where each profile is set, the last one wins: the settings
// of the system, then policies.
var firewallProfiles = []struct {
	profile string
	keys    []string
}{
	{"domain", []string{firewallSettings + "DomainProfile", firewallPolicies + "DomainProfile"}},
	{"private", []string{firewallSettings + "StandardProfile", firewallPolicies + "StandardProfile", firewallPolicies + "PrivateProfile"}},
	{"public", []string{firewallSettings + "PublicProfile", firewallPolicies + "PublicProfile"}},
}

const (
	firewallSettings = `SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\`
	firewallPolicies = `SOFTWARE\Policies\Microsoft\WindowsFirewall\`
)

// builtInFirewall is on or off for each kind of network.
func builtInFirewall(n *notes) []facts.Protection {
	var all []facts.Protection
	for _, p := range firewallProfiles {
		var on *bool
		for _, path := range p.keys {
			machineKey(path, n, func(k key) {
				if set := k.yes("EnableFirewall"); set != nil {
					on = set
				}
			})
		}
		if on != nil {
			all = append(all, facts.Protection{Name: "Windows Defender Firewall", Profile: p.profile, Enabled: on})
		}
	}
	return all
}
