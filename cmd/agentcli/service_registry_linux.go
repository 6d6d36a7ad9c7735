package agentcli

import (
	"fmt"

	"github.com/kardianos/service"
)

const platformSystemd = "linux-systemd"

func newHostService(c *service.Config) (service.Service, error) {
	s, err := service.New(new(program), c)
	if err != nil || s.Platform() != platformSystemd {
		return s, err
	}
	return systemdService{Service: s, registry: systemdRegistry{name: c.Name, run: runCommand}}, nil
}

func newRegistry(s service.Service, c *service.Config) serviceRegistry {
	if s.Platform() == platformSystemd {
		return systemdRegistry{name: c.Name, run: runCommand}
	}
	return scriptRegistry{service: s, path: fmt.Sprintf(scriptPlace(s.Platform()), c.Name)}
}

func scriptPlace(platform string) string {
	if platform == "linux-upstart" {
		return "/etc/init/%s.conf"
	}
	return "/etc/init.d/%s"
}
