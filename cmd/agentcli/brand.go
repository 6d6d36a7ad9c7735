package agentcli

import (
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
)

// Brand is what the program calls itself. The zero value is kanade's own; an
// empty field takes the default named at it.
type Brand struct {
	// Use is the program's name in help and messages. Default: kanade-agent.
	Use string
	// ServiceName is the name in the service manager. Default: KanadeAgent on
	// Windows and kanade-agent elsewhere, or Use if that was set.
	ServiceName string
	// DisplayName and Description are what the service manager shows.
	// Defaults: ServiceName, and a line that says what an agent does.
	DisplayName string
	Description string
	// Version is what --version prints and the agent reports. Default: the
	// version of the program's main module, without its v.
	Version string
	// Commit and Date are the source that the program was built from, and when that
	// was. Default: what Go has put into the program.
	Commit, Date string
	// SelfUpdate has the program replace its own executable by the release that the
	// settings want, see agent.Updater. Default: it never does.
	SelfUpdate bool
	// Notify offers the signals that end the agent, or have it read its log level again, to
	// a channel until stop is called, without waiting for a channel that is full. Each call
	// is for signals of its own. Default: os/signal, which hears them beside whoever else does.
	Notify func(c chan<- os.Signal, signals ...os.Signal) (stop func())
}

const defaultUse = "kanade-agent"

func (b Brand) withDefaults() Brand {
	if b.Use == "" {
		b.Use = defaultUse
	}
	if b.ServiceName == "" {
		b.ServiceName = b.Use
		if b.Use == defaultUse {
			b.ServiceName = defaultServiceName
		}
	}
	if b.DisplayName == "" {
		b.DisplayName = b.ServiceName
	}
	if b.Description == "" {
		b.Description = "Runs commands that come over NATS and keeps their results until the broker has them."
	}
	if b.Version == "" {
		b.Version = builtVersion()
	}
	if b.Notify == nil {
		b.Notify = notify
	}
	return b
}

func notify(c chan<- os.Signal, signals ...os.Signal) (stop func()) {
	signal.Notify(c, signals...)
	return func() { signal.Stop(c) }
}

func builtVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "0.0.0"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
