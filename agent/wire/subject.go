package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

const (
	commandsAll    = "commands.all"
	commandsPC     = "commands.pc."
	commandsGroup  = "commands.group."
	commandsFilter = "commands.>"

	resultsPrefix = "results."
	killPrefix    = "kill."
	startedPrefix = "events.started."
	obsPrefix     = "obs."

	inventoryPrefix = "inventory."

	heartbeatPrefix   = "heartbeat."
	hostPerfPrefix    = "host_perf."
	processPerfPrefix = "process_perf."
	agentsPrefix      = "agents."
	pingSuffix        = ".ping"
	logsFetchPrefix   = "logs.fetch."
	jobTailPrefix     = "job.tail."

	hashedPrefix = "sha256-"
)

// CommandsAll is the subject of commands to every host.
func CommandsAll() string { return commandsAll }

// CommandsPC is the subject of commands to one host.
func CommandsPC(pcID string) string { return commandsPC + subjectPart(pcID) }

// CommandsGroup is the subject of commands to the members of a group.
func CommandsGroup(group string) string { return commandsGroup + subjectPart(group) }

// CommandsGroupFilter matches the subjects of every group.
func CommandsGroupFilter() string { return commandsGroup + "*" }

// CommandsFilter matches every command subject. It is the only subject of the
// EXEC stream.
func CommandsFilter() string { return commandsFilter }

// ResultSubject is where the result of a command is published.
func ResultSubject(requestID string) string { return resultsPrefix + subjectPart(requestID) }

// ResultsFilter matches every result subject.
func ResultsFilter() string { return resultsPrefix + ">" }

// KillSubject is where a message ends the runs of an execution.
func KillSubject(execID string) string { return killPrefix + subjectPart(execID) }

// KillFilters together match every kill subject, each exactly once. A
// subscription to them hears every kill from before the first command on, where
// one subscription a command would come too late for some. They are two, so that
// a role that only allows execution ids of one token still hears those.
func KillFilters() []string { return []string{killPrefix + "*", killPrefix + "*.>"} }

// KillExecID returns the execution id that a kill message's subject names.
func KillExecID(subject string) (execID string, ok bool) {
	execID, ok = strings.CutPrefix(subject, killPrefix)
	return execID, ok && execID != ""
}

// StartedSubject is where the start of a run is published.
func StartedSubject(execID, pcID string) string {
	return startedPrefix + subjectPart(execID) + "." + subjectPart(pcID)
}

// ObsSubject is where a host publishes its observability events.
func ObsSubject(pcID string) string { return obsPrefix + subjectPart(pcID) }

// InventorySubject is where a host publishes a section of its inventory.
func InventorySubject(pcID, section string) string {
	return inventoryPrefix + subjectPart(pcID) + "." + subjectPart(section)
}

// InventoryFilter matches every inventory subject of a host.
func InventoryFilter(pcID string) string { return inventoryPrefix + subjectPart(pcID) + ".>" }

// IsInventory reports whether subject is one that inventories are published on.
func IsInventory(subject string) bool { return strings.HasPrefix(subject, inventoryPrefix) }

// HeartbeatSubject is where a host says that it is there.
func HeartbeatSubject(pcID string) string { return heartbeatPrefix + subjectPart(pcID) }

// HostPerfSubject is where a host publishes its load.
func HostPerfSubject(pcID string) string { return hostPerfPrefix + subjectPart(pcID) }

// ProcessPerfSubject is where a host publishes its busiest processes.
func ProcessPerfSubject(pcID string) string { return processPerfPrefix + subjectPart(pcID) }

// PingSubject is where a host answers with a heartbeat.
func PingSubject(pcID string) string { return agentsPrefix + subjectPart(pcID) + pingSuffix }

// LogsFetchSubject is where a host answers with the end of its log.
func LogsFetchSubject(pcID string) string { return logsFetchPrefix + subjectPart(pcID) }

// JobTailSubject is where a host answers with the end of a command's output.
func JobTailSubject(pcID string) string { return jobTailPrefix + subjectPart(pcID) }

// ReplayFilters returns the subjects of the commands for the host pcID that is a
// member of groups: sorted and without repetition, so that the same members make
// the same filters. No two of them overlap.
func ReplayFilters(pcID string, groups []string) []string {
	filters := []string{commandsAll, CommandsPC(pcID)}
	for _, group := range groups {
		filters = append(filters, CommandsGroup(group))
	}
	slices.Sort(filters)
	return slices.Compact(filters)
}

// CommandPCID returns the host that the subject of a command names.
func CommandPCID(subject string) (pcID string, ok bool) {
	if pcID, ok = strings.CutPrefix(subject, commandsPC); !ok {
		return "", false
	}
	return pcID, pcID != ""
}

// AddressedTo reports whether a command that came on subject is meant for the
// host pcID, which is a member of groups.
func AddressedTo(subject, pcID string, groups []string) bool {
	if subject == commandsAll {
		return true
	}
	if pc, ok := CommandPCID(subject); ok {
		return pc == pcID
	}
	group, ok := strings.CutPrefix(subject, commandsGroup)
	return ok && group != "" && slices.Contains(groups, group)
}

// subjectPart returns name as it is when it is safe in a subject. Anything else
// becomes one token with its SHA-256: nobody can listen on a subject with such a
// name, but a result is still stored, with the true name in its payload.
func subjectPart(name string) string {
	if SubjectSafe(name) == nil {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hashedPrefix + hex.EncodeToString(sum[:])
}
