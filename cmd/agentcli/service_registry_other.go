//go:build unix && !linux && !darwin

package agentcli

import "github.com/kardianos/service"

func newHostService(c *service.Config) (service.Service, error) {
	return service.New(new(program), c)
}

func newRegistry(s service.Service, c *service.Config) serviceRegistry {
	return scriptRegistry{service: s, path: "/usr/local/etc/rc.d/" + c.Name}
}
