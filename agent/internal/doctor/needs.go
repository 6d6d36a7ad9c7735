package doctor

import (
	"github.com/kanade-go/kanade/agent/wire"
)

// need is a subject that the agent uses.
type need struct {
	publish bool
	// subject may have wildcards in place of what differs from message to message.
	subject string
	purpose string
	// useful says that the agent does without it, and how: worse.
	useful string
	// question is sent to find out; empty: nothing that is sent there would be
	// harmless, and only the user's rules tell.
	question []byte
	silent   bool   // nobody replies to the question
	instead  string // a subject that does as well, where the first is refused
}

// What is sent to find out. The server answers each with information or with an
// error, and does nothing about it.
var (
	nothing   = []byte{}
	noMessage = []byte(`{"last_by_subj":"doctor"}`) // no bucket or store has such a subject
	// elsewhere names another stream than the subject does, which the server refuses
	// before it looks at anything else.
	elsewhere = []byte(`{"stream_name":"doctor"}`)
	// broken is not JSON: no message is handed out for it.
	broken = []byte("{")
	// nonsense is none of the words that the server knows in an ack.
	nonsense = []byte("doctor")
)

func subscription(subject, purpose, useful string) need {
	return need{subject: subject, purpose: purpose, useful: useful}
}

func question(subject string, sent []byte, purpose, useful string) need {
	return need{publish: true, subject: subject, purpose: purpose, useful: useful, question: sent}
}

func data(subject, purpose string) need {
	return need{publish: true, subject: subject, purpose: purpose}
}

const (
	slowly   = "changes are noticed within 10 s instead of at once"
	noGroups = "the host's own groups may still be allowed one by one"
)

// needs are what an agent uses of a broker, in the order of its documentation.
func needs(pcID, inbox string) []need {
	all := []need{
		subscription(inbox+".>", "answers of the broker", ""),
		subscription(wire.CommandsAll(), "commands to every host", ""),
		subscription(wire.CommandsPC(pcID), "commands to this host", ""),
		subscription(wire.CommandsGroupFilter(), "commands to the host's groups", noGroups),
	}
	for i, subject := range wire.KillFilters() {
		useful := ""
		if i > 0 {
			useful = "executions whose id has a dot cannot be ended"
		}
		all = append(all, subscription(subject, "the end of a running command", useful))
	}
	all = append(all,
		subscription(wire.PingSubject(pcID), "pings", ""),
		subscription(wire.LogsFetchSubject(pcID), "requests for the log", ""),
		subscription(wire.JobTailSubject(pcID), "requests for the output of running commands", ""),
	)
	all = append(all, bucketNeeds(pcID)...)
	all = append(all, replayNeeds(pcID)...)
	return append(all,
		data(wire.ResultSubject("*"), "results"),
		data(wire.StartedSubject("*", pcID), "the start of commands"),
		data(wire.ObsSubject(pcID), "events of scripts and of the agent"),
		data(wire.HeartbeatSubject(pcID), "heartbeats"),
		data(wire.HostPerfSubject(pcID), "the host's load"),
		data(wire.ProcessPerfSubject(pcID), "the processes' load"),
		need{publish: true, subject: wire.InventoryFilter(pcID), purpose: "the inventory of the host", useful: "none is published"},
		question("$JS.API.STREAM.MSG.GET."+objectStream(wire.StoreScripts), noMessage, "scripts that are objects", ""),
		question("$JS.API.STREAM.MSG.GET."+objectStream(wire.StoreAgentReleases), noMessage, "releases to update to", "the agent does not update itself"),
		question("$JS.API.STREAM.INFO."+objectStream(wire.StoreResultOutput), nothing, "large output: its object store", ""),
		data("$O."+wire.StoreResultOutput+".C.*", "large output: its chunks"),
		data("$O."+wire.StoreResultOutput+".M.*", "large output: its description"),
		need{
			publish: true, subject: "$JS.API.STREAM.PURGE." + objectStream(wire.StoreResultOutput), purpose: "large output: to remove what is left of an upload that broke off",
			useful: "the left-overs stay until the store lets go of them by age",
		},
	)
}

func objectStream(store string) string { return "OBJ_" + store }

// bucket is one that the agent keeps a copy of.
type bucket struct {
	name string
	// keys that the agent listens to. Where they have no wildcards of their own, each
	// can be read for itself.
	keys []string
	each string // such a key; empty: the keys are all that there are
	// asked says that the agent asks the leader where it must not miss anything.
	asked bool
}

func buckets(pcID string) []bucket {
	return []bucket{
		{name: wire.BucketAgentGroups, keys: []string{pcID}, each: pcID, asked: true},
		{
			name: wire.BucketAgentConfig, keys: []string{wire.ConfigKeyGlobal, wire.ConfigKeyPC(pcID), wire.ConfigKeyGroup("*")},
			each: wire.ConfigKeyGlobal, asked: true,
		},
		{name: wire.BucketScriptCurrent, keys: []string{">"}, asked: true},
		{name: wire.BucketScriptStatus, keys: []string{">"}, asked: true},
		{name: wire.BucketSchedules, keys: []string{">"}, asked: true},
		{name: wire.BucketJobs, keys: []string{"*"}, each: "doctor", asked: true},
	}
}

func directGet(bucket string) string { return "$JS.API.DIRECT.GET." + wire.BucketStream(bucket) }

func bucketNeeds(pcID string) []need {
	var all []need
	for _, b := range buckets(pcID) {
		read := question(directGet(b.name), noMessage, "the bucket "+b.name, "")
		if b.each != "" {
			read.instead = directGet(b.name) + "." + wire.BucketSubject(b.name, b.each)
		}
		all = append(all, read)
		for _, key := range b.keys {
			all = append(all, subscription(wire.BucketSubject(b.name, key), "changes of the bucket "+b.name, slowly))
		}
		if b.asked {
			all = append(all, question("$JS.API.STREAM.MSG.GET."+wire.BucketStream(b.name), noMessage, "the last word on the bucket "+b.name,
				"a replica is asked in place of the leader, and that the bucket is missing is known after 30 s"))
		}
	}
	return all
}

func replayNeeds(pcID string) []need {
	consumer := wire.StreamExec + "." + wire.ReplayConsumer(pcID)
	const joins = "a command that was sent to a group right before this host became a member is missed"
	return []need{
		question("$JS.API.STREAM.INFO."+wire.StreamExec, nothing, "commands to groups that are joined", joins),
		question("$JS.API.STREAM.MSG.GET."+wire.StreamExec, noMessage, "commands to groups that are joined", joins),
		question("$JS.API.CONSUMER.CREATE."+consumer, elsewhere, "the replay of commands", ""),
		question("$JS.API.CONSUMER.INFO."+consumer, nothing, "the replay of commands", ""),
		{
			publish: true, subject: "$JS.API.CONSUMER.DELETE." + consumer, purpose: "the replay of commands",
			useful: "a consumer whose store the broker has lost is not mended before the broker restarts",
		},
		question("$JS.API.CONSUMER.MSG.NEXT."+consumer, broken, "the replay of commands", ""),
		{publish: true, subject: "$JS.ACK." + consumer + ".>", purpose: "to settle replayed commands", question: nonsense, silent: true},
	}
}

// probed is the subject that is used to find out about a need.
func (n need) probed() string {
	if n.silent && n.publish {
		return n.subject[:len(n.subject)-1] + "0.0.0.0.0"
	}
	return n.subject
}

func (n need) String() string {
	if n.publish {
		return "publish " + n.subject
	}
	return "subscribe " + n.subject
}
