package inventory

import (
	"context"
	"strings"
	"time"

	"github.com/kanade-go/kanade/inventory/facts"
)

// protectors are services that protect a host. Whether they run is told by
// their processes, or by systemd: rules that were loaded have none.
var protectors = []struct {
	unit, name string
	firewall   bool
	loads      bool // it ends when its rules are loaded
}{
	{"clamav-daemon.service", "ClamAV", false, false},
	{"clamd@scan.service", "ClamAV", false, false},
	{"mdatp.service", "Microsoft Defender for Endpoint", false, false},
	{"falcon-sensor.service", "CrowdStrike Falcon", false, false},
	{"sentinelone.service", "SentinelOne", false, false},
	{"sav-protect.service", "Sophos Anti-Virus", false, false},
	{"sophos-spl.service", "Sophos Protection", false, false},
	{"esets.service", "ESET", false, false},
	{"cbagentd.service", "Carbon Black", false, false},
	{"ds_agent.service", "Trend Micro Deep Security", false, false},
	{"elastic-endpoint.service", "Elastic Endpoint", false, false},
	{"firewalld.service", "firewalld", true, false},
	{"nftables.service", "nftables", true, true},
	{"netfilter-persistent.service", "netfilter-persistent", true, true},
	{"iptables.service", "iptables", true, true},
}

func (t tree) security(ctx context.Context, n *notes) (any, error) {
	s := &facts.Security{Mandatory: t.mandatory()}
	states := t.unitStates(ctx, n)
	for _, p := range protectors {
		if t.unitFolder(p.unit) == "" {
			continue
		}
		runs := len(t.processesOf(p.unit)) > 0 || states[p.unit].word() == "running"
		f := facts.Protection{Name: p.name}
		if runs || states != nil || !p.loads {
			f.Enabled = &runs
		}
		if p.firewall {
			s.Firewalls = append(s.Firewalls, f)
			continue
		}
		if p.name == "ClamAV" {
			f.Updated = t.signatures()
		}
		s.Antivirus = append(s.Antivirus, f)
	}
	if t.exists("/etc/ufw/ufw.conf") {
		on := strings.EqualFold(t.assignments("/etc/ufw/ufw.conf", n)["ENABLED"], "yes")
		s.Firewalls = append(s.Firewalls, facts.Protection{Name: "ufw", Enabled: &on})
	}
	return s, nil
}

// signatures is when the newest list of ClamAV came.
func (t tree) signatures() *time.Time {
	for _, name := range []string{"daily.cld", "daily.cvd"} {
		if at := t.changed("/var/lib/clamav/" + name); at != nil {
			return at
		}
	}
	return nil
}

func (t tree) mandatory() string {
	switch enforce := t.text("/sys/fs/selinux/enforce"); {
	case enforce == "1":
		return "selinux enforcing"
	case enforce == "0":
		return "selinux permissive"
	case t.text("/sys/module/apparmor/parameters/enabled") == "Y":
		return "apparmor"
	}
	return ""
}
