package wire

import "time"

// Streams of the broker. The agent publishes to RESULTS, EVENTS and OBS_EVENTS
// and consumes EXEC; it creates none of them.
const (
	StreamInventory = "INVENTORY"
	StreamResults   = "RESULTS"
	StreamExec      = "EXEC"
	StreamEvents    = "EVENTS"
	StreamAudit     = "AUDIT"
	StreamObsEvents = "OBS_EVENTS"
)

// Key-value buckets of the broker.
const (
	BucketScriptCurrent = "script_current"
	BucketScriptStatus  = "script_status"
	BucketAgentsState   = "agents_state"
	BucketAgentConfig   = "agent_config"
	BucketAgentGroups   = "agent_groups"
	BucketSchedules     = "schedules"
	BucketJobs          = "jobs"
	BucketJobsYAML      = "jobs_yaml"
	BucketSchedulesYAML = "schedules_yaml"
)

// Object stores of the broker.
const (
	StoreAgentReleases = "agent_releases"
	StoreAppPackages   = "app_packages"
	StoreScripts       = "scripts"
	StoreResultOutput  = "result_output"
)

const (
	replayConsumerPrefix = "agent_replay_"
	clientNamePrefix     = "kanade-agent/"

	day = 24 * time.Hour
)

// StreamSpec is a stream as the backend creates it. What it does not name is
// the server's default: limits retention, file storage, discard old, one
// replica, no size limits, a duplicate window of 2 minutes.
type StreamSpec struct {
	Name     string
	Subjects []string
	// MaxAge is how long a message is kept; 0: for ever.
	MaxAge time.Duration
	// MaxMsgsPerSubject is how many messages a subject keeps; -1: no limit.
	MaxMsgsPerSubject int64
}

// BucketSpec is a key-value bucket as the backend creates it: file storage, one
// replica, values never expire.
type BucketSpec struct {
	Name string
	// History is how many revisions of a key are kept.
	History uint8
}

// ObjectStoreSpec is an object store as the backend creates it: file storage,
// one replica.
type ObjectStoreSpec struct {
	Name string
	// MaxAge is how long an object is kept; 0: for ever.
	MaxAge time.Duration
}

// Streams returns every stream that a fleet has.
func Streams() []StreamSpec {
	return []StreamSpec{
		{Name: StreamInventory, Subjects: []string{"inventory.>"}, MaxAge: 90 * day, MaxMsgsPerSubject: -1},
		{Name: StreamResults, Subjects: []string{"results.>"}, MaxAge: 30 * day, MaxMsgsPerSubject: -1},
		{Name: StreamExec, Subjects: []string{commandsFilter}, MaxAge: 7 * day, MaxMsgsPerSubject: 1},
		{Name: StreamEvents, Subjects: []string{"events.>"}, MaxAge: 7 * day, MaxMsgsPerSubject: -1},
		{Name: StreamAudit, Subjects: []string{"audit.>"}, MaxMsgsPerSubject: -1},
		{Name: StreamObsEvents, Subjects: []string{"obs.>"}, MaxAge: 90 * day, MaxMsgsPerSubject: -1},
	}
}

// Buckets returns every key-value bucket that a fleet has.
func Buckets() []BucketSpec {
	return []BucketSpec{
		{Name: BucketScriptCurrent, History: 5},
		{Name: BucketScriptStatus, History: 5},
		{Name: BucketAgentsState, History: 1},
		{Name: BucketAgentConfig, History: 5},
		{Name: BucketAgentGroups, History: 5},
		{Name: BucketSchedules, History: 5},
		{Name: BucketJobs, History: 5},
		{Name: BucketJobsYAML, History: 5},
		{Name: BucketSchedulesYAML, History: 5},
	}
}

// ObjectStores returns every object store that a fleet has.
func ObjectStores() []ObjectStoreSpec {
	return []ObjectStoreSpec{
		{Name: StoreAgentReleases},
		{Name: StoreAppPackages},
		{Name: StoreScripts},
		{Name: StoreResultOutput, MaxAge: 30 * day},
	}
}

// ReplayConsumer is the name of the durable consumer on EXEC that belongs to a
// host: every character outside A-Z, a-z, 0-9, _ and - becomes _. Two hosts
// whose ids differ only there share it (PC.1 and PC_1); another name would
// replay a week of commands.
func ReplayConsumer(pcID string) string {
	name := []byte(replayConsumerPrefix)
	for _, r := range pcID {
		name = append(name, consumerChar(r))
	}
	return string(name)
}

func consumerChar(r rune) byte {
	switch {
	case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-':
		return byte(r)
	}
	return '_'
}

// ClientName is the name that an agent gives its connection, so that the
// backend can tell which credential a host uses.
func ClientName(pcID string) string { return clientNamePrefix + pcID }
