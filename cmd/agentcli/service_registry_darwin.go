package agentcli

import "github.com/kardianos/service"

func newHostService(c *service.Config) (service.Service, error) {
	return service.New(new(program), c)
}

func newRegistry(_ service.Service, c *service.Config) serviceRegistry {
	return fileRegistry{path: "/Library/LaunchDaemons/" + c.Name + ".plist", text: plistOf, command: commandOfPlist}
}
