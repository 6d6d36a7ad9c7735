package wire

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// document is a payload of the contract: the file has every field of it.
type document struct {
	section string // of the contract
	file    string
	decode  func([]byte) error
	strict  []string // objects, by their path, of which an unknown key is an error
	// fields are "path kind need": R required, O optional and null the same, D
	// optional and null an error.
	fields string
}

func erring[T any](decode func([]byte) (T, error)) func([]byte) error {
	return func(data []byte) error {
		_, err := decode(data)
		return err
	}
}

func erringInside[T any](decode func(json.RawMessage) (T, error)) func([]byte) error {
	return erring(func(data []byte) (T, error) { return decode(data) })
}

var documents = []document{
	{
		"§3.1–3.3 Command", `{"id":"i","version":"1","request_id":"r","exec_id":"e","shell":"cmd","script":"s","script_object":"a/1",
	"script_object_sha256":"00","timeout_secs":5,"jitter_secs":1,"run_as":"user","cwd":"c","deadline_at":"2031-03-04T05:06:07Z",
	"staleness":{"mode":"strict","max_cache_age":"10m"},"emit":{"type":"events","watermark_path":"w"}}`, erring(DecodeCommand),
		[]string{"emit"},
		`id string R, version string R, request_id string R, exec_id string O, shell string R, script string R, script_object string O,
	script_object_sha256 string O, timeout_secs u64 R, jitter_secs u64 O, run_as enum D, cwd string O, deadline_at time O,
	staleness object D, staleness.mode enum R, staleness.max_cache_age string R, emit object O, emit.type enum R, emit.watermark_path string O`,
	},
	{
		"§3.4 EventStarted", `{"result_id":"x","request_id":"r","exec_id":"e","pc_id":"p","started_at":"2031-03-04T05:00:01Z","manifest_id":"m","version":"1"}`,
		erring(DecodeEventStarted), nil,
		`result_id string R, request_id string R, exec_id string R, pc_id string R, started_at time R, manifest_id string R, version string R`,
	},
	{
		"§3.5 ExecResult", `{"result_id":"x","request_id":"r","exec_id":"e","pc_id":"p","exit_code":-1,"stdout":"o","stderr":"e",
	"started_at":"2031-03-04T05:00:01Z","finished_at":"2031-03-04T05:00:02Z","stdout_object":"r/stdout","stderr_object":"r/stderr","manifest_id":"m"}`,
		erring(DecodeResult), nil,
		`result_id string D, request_id string R, exec_id string O, pc_id string R, exit_code i32 R, stdout string R, stderr string R, started_at time R,
	finished_at time R, stdout_object string O, stderr_object string O, manifest_id string O`,
	},
	{
		"§3.6 Heartbeat", `{"pc_id":"p","at":"2031-03-04T05:00:01Z","agent_version":"1","hostname":"h","os_family":"linux","agent_cpu_pct":0.5,
	"agent_rss_bytes":1,"agent_disk_read_bytes":2,"agent_disk_written_bytes":3}`, erring(DecodeHeartbeat), nil,
		`pc_id string R, at time R, agent_version string R, hostname string O, os_family string O, agent_cpu_pct f64 O, agent_rss_bytes i64 O,
	agent_disk_read_bytes i64 O, agent_disk_written_bytes i64 O`,
	},
	{
		"§3.7 HostPerf", `{"pc_id":"p","at":"2031-03-04T05:00:01Z","cpu_pct":1.5,"cpu_count":2,"mem_used_bytes":1,"mem_total_bytes":2,"swap_used_bytes":0,
	"swap_total_bytes":0,"disk_read_bytes_per_sec":1.0,"disk_written_bytes_per_sec":1.0,"net_rx_bytes_per_sec":1.0,"net_tx_bytes_per_sec":1.0}`,
		erring(DecodeHostPerf), nil,
		`pc_id string R, at time R, cpu_pct f64 O, cpu_count u32 O, mem_used_bytes i64 O, mem_total_bytes i64 O, swap_used_bytes i64 O, swap_total_bytes i64 O,
	disk_read_bytes_per_sec f64 O, disk_written_bytes_per_sec f64 O, net_rx_bytes_per_sec f64 O, net_tx_bytes_per_sec f64 O`,
	},
	{
		"§3.8 ProcessPerf", `{"pc_id":"p","at":"2031-03-04T05:00:01Z","processes":[{"pid":1,"name":"n","cpu_pct":0.5,"rss_bytes":9,
	"disk_read_bytes_per_sec":0.0,"disk_written_bytes_per_sec":0.0}]}`, erring(DecodeProcessPerf), nil,
		`pc_id string R, at time R, processes list R, processes.0 item R, processes.0.pid u32 R, processes.0.name string R, processes.0.cpu_pct f64 R, processes.0.rss_bytes i64 R,
	processes.0.disk_read_bytes_per_sec f64 O, processes.0.disk_written_bytes_per_sec f64 O`,
	},
	{
		"§3.9 ObsEvent", `{"pc_id":"p","at":"2031-03-04T05:00:01Z","kind":"k","source":"s:d","event_record_id":"9","payload":{"a":1}}`, erring(DecodeObsEvent), nil,
		`pc_id string R, at time R, kind string R, source string R, event_record_id string O, payload any O`,
	},
	{"§3.10 LogsRequest", `{"tail_lines":5}`, erring(DecodeLogsRequest), nil, `tail_lines u32 D`},
	{"§3.11 AgentGroups", `{"groups":["a","b"]}`, erring(DecodeAgentGroups), nil, `groups list R, groups.0 entry R`},
	{
		"§3.12 ConfigScope", `{"target_version":"1","target_version_jitter":"5m","heartbeat_interval":"30s","host_perf_interval":"60s",
	"process_perf_enabled":true,"process_perf_expires_at":"2031-03-04T05:00:01Z","process_perf_top_n":5}`, erring(DecodeConfigScope), nil,
		`target_version string O, target_version_jitter string O, heartbeat_interval string O, host_perf_interval string O, process_perf_enabled bool O,
	process_perf_expires_at time O, process_perf_top_n u32 O`,
	},
	{
		"§3.13 HwInventory", `{"pc_id":"p","hostname":"h","os_name":"o","os_version":"1","os_build":"b","cpu_model":"c","cpu_cores":8,"ram_bytes":5,
	"disks":[{"device_id":"C:","size_bytes":2,"free_bytes":1,"file_system":"NTFS"}],"collected_at":"2031-03-04T05:00:01Z"}`, erring(DecodeHwInventory), nil,
		`pc_id string R, hostname string R, os_name string R, os_version string R, os_build string O, cpu_model string R, cpu_cores u32 R, ram_bytes u64 R,
	disks list R, disks.0 item R, disks.0.device_id string R, disks.0.size_bytes u64 R, disks.0.free_bytes u64 R, disks.0.file_system string O, collected_at time R`,
	},
	{
		"§4.1–4.3 Manifest", `{"id":"i","version":"1","description":"d","execute":{"shell":"cmd","script":"s","script_file":"f","script_object":"a/1","timeout":"2m",
	"run_as":"system","cwd":"c"},"require_approval":true,"inventory":{"display":[{"field":"f","label":"l","type":"t","columns":[{"field":"f","label":"l"}]}],
	"summary":[{"field":"f","label":"l"}],"explode":[{"field":"f","table":"t","primary_key":["p"],"columns":[{"field":"f","type":"t","index":true}],
	"track_history":true}],"history_scalars":["h"]},"emit":{"type":"events","watermark_path":"w"},"staleness":{"mode":"strict","max_cache_age":"0s"}}`,
		erring(DecodeManifest),
		[]string{"", "execute", "emit"},
		`id string R, version string R, description string O, execute object R, execute.shell string R, execute.script string O, execute.script_file string O,
	execute.script_object string O, execute.timeout string R, execute.run_as enum D, execute.cwd string O, require_approval bool D, inventory object O,
	inventory.display list R, inventory.display.0 item R, inventory.display.0.field string R, inventory.display.0.label string R, inventory.display.0.type string O,
	inventory.display.0.columns list O, inventory.display.0.columns.0.field string R, inventory.summary list O, inventory.summary.0 item R, inventory.explode list O,
	inventory.explode.0 item R, inventory.explode.0.field string R, inventory.explode.0.table string R, inventory.explode.0.primary_key list R,
	inventory.explode.0.primary_key.0 entry R, inventory.explode.0.columns list R, inventory.explode.0.columns.0.field string R,
	inventory.explode.0.columns.0.type string O, inventory.explode.0.columns.0.index bool D, inventory.explode.0.track_history bool D,
	inventory.history_scalars list O, inventory.history_scalars.0 entry R, emit object O, emit.type enum R, staleness object D, staleness.mode enum R`,
	},
	{
		"§4.4–4.5 Schedule", `{"id":"i","cron":"c","job_id":"j","target":{"groups":["g"],"pcs":["p"],"all":false},
	"rollout":{"strategy":"wave","waves":[{"group":"g","delay":"1h"}]},"jitter":"5m","deadline_at":"2031-03-04T05:00:01Z","mode":"once_per_pc","cooldown":"20h",
	"auto_disable_when_done":false,"starting_deadline":"1m","runs_on":"agent","enabled":true}`, erring(DecodeSchedule), nil,
		`id string R, cron string R, job_id string R, target object D, target.groups list D, target.groups.0 entry R, target.pcs list D, target.pcs.0 entry R,
	target.all bool D, rollout object O, rollout.strategy enum D, rollout.waves list R, rollout.waves.0 item R, rollout.waves.0.group string R,
	rollout.waves.0.delay string R, jitter string O, deadline_at time O, mode enum D, cooldown string O, auto_disable_when_done bool D,
	starting_deadline string O, runs_on enum D, enabled bool D`,
	},
	{
		"§8.4 system.handshake params", `{"client":"c","client_version":"1","protocol":[1],"features":["f"]}`, erringInside(DecodeKLPHandshake), nil,
		`client string R, client_version string R, protocol some R, features list D, features.0 entry R`,
	},
	{
		"§8.4 system.handshake result", `{"agent_version":"1","features":["f"],"protocol":1,"session":{"pc_id":"p","session_id":1,"user":"u"}}`,
		erringInside(DecodeKLPWelcome), nil,
		`agent_version string R, features list R, protocol u32 R, session object R, session.pc_id string R, session.session_id u32 R, session.user string R`,
	},
	{"§8.4 system.log_tail params", `{"lines":5}`, erringInside(DecodeKLPLogTail), nil, `lines u32 D`},
	{"§8.4 system.log_tail result", `{"lines":["l"],"truncated":true}`, erringInside(DecodeKLPLogLines), nil, `lines list R, lines.0 entry R, truncated bool R`},
	{"§8.4 system.ping result", `{"agent_time":"2031-03-04T05:00:01Z"}`, erringInside(DecodeKLPPong), nil, `agent_time time R`},
	{
		"§8.4 system.version result", `{"agent_version":"1","target_agent_version":"2","target_client_version":"3"}`, erringInside(DecodeKLPVersions), nil,
		`agent_version string R, target_agent_version string R, target_client_version string O`,
	},
	{"§8.4 state.unsubscribe params", `{"subscription":"sub-s-1"}`, erringInside(DecodeKLPSubscription), nil, `subscription string R`},
	{
		"§8.4 state.changed params", `{"at":"2031-03-04T05:00:01Z","snapshot":{"agent_version":"1","checks":[{"detail":"d","name":"n","status":"ok","troubleshoot":"t"}],
	"online":true,"pc_id":"p","target_version":"1","vpn":"unknown"}}`, erringInside(DecodeKLPStateChanged), nil,
		`at time R, snapshot object R, snapshot.agent_version string R, snapshot.checks list R, snapshot.checks.0 item R, snapshot.checks.0.detail string O,
	snapshot.checks.0.name string R, snapshot.checks.0.status enum R, snapshot.checks.0.troubleshoot string O, snapshot.online bool R, snapshot.pc_id string R,
	snapshot.target_version string R, snapshot.vpn string R`,
	},
}

// values are what a field of a kind takes, and what it does not, as JSON.
var values = map[string]struct{ right, wrong []string }{
	"string": {[]string{`""`, `"x"`, `"\u00e9\ud83d\ude00"`}, []string{`5`, `true`, `[]`, `{}`, `"\ud83d"`}},
	"u64":    {[]string{`0`, `18446744073709551615`}, []string{`"5"`, `5.0`, `5e0`, `-1`, `-0`, `18446744073709551616`, `1e999`, `true`, `[5]`}},
	"u32":    {[]string{`0`, `4294967295`}, []string{`"5"`, `5.0`, `5e0`, `-1`, `-0`, `4294967296`, `1e999`, `true`, `[5]`}},
	"i32":    {[]string{`0`, `-2147483648`, `2147483647`}, []string{`"5"`, `5.0`, `5e0`, `2147483648`, `-2147483649`, `3221225477`, `true`}},
	"i64":    {[]string{`0`, `-9223372036854775808`, `9223372036854775807`}, []string{`"5"`, `5.0`, `5e0`, `9223372036854775808`, `-9223372036854775809`, `true`}},
	"f64":    {[]string{`5`, `0.1`, `-1e3`, `99.50372314453125`, `18446744073709551616`}, []string{`"5"`, `1e999`, `NaN`, `true`, `[]`}},
	"bool":   {[]string{`true`, `false`}, []string{`0`, `1`, `"true"`, `[]`, `True`}},
	"time": {
		[]string{`"2031-03-04T05:06:07.5+09:00"`, `"2031-03-04 05:06:07 +0900"`, `"2031-03-04T05:06:07.123456789Z"`},
		[]string{`5`, `""`, `"2031-03-04T05:06:07"`, `"2031-03-04"`, `"2031-02-30T05:06:07Z"`, `{}`},
	},
	"enum":   {nil, []string{`5`, `""`, `"other"`, `[]`, `true`}},
	"object": {nil, []string{`5`, `"x"`, `[]`, `true`}},
	"item":   {nil, []string{`5`, `"x"`, `[]`}},
	"list":   {[]string{`[]`}, []string{`5`, `"x"`, `{}`}},
	"some":   {nil, []string{`[]`, `5`, `{}`, `["1"]`, `[1.0]`, `[4294967296]`, `[null]`}},
	"entry":  {[]string{`""`}, []string{`5`, `[]`, `{}`}},
	"any":    {[]string{`5`, `1e2`, `"x"`, `[null]`, `{}`, `true`}, []string{`1e999`}},
}

// Every field of every payload takes what the contract says, and nothing else (§0 of
// the wire contract: unknown keys, null, duplicate keys, numbers, enums).
func TestContractFields(t *testing.T) {
	t.Parallel()
	for _, d := range documents {
		t.Run(d.section, func(t *testing.T) {
			t.Parallel()
			check := docCheck{t, d}
			check.taken(true, "", "")
			for field := range strings.SplitSeq(d.fields, ",") {
				parts := strings.Fields(field)
				check.field(parts[0], parts[1], parts[2])
			}
			check.unknownKeys()
			for _, broken := range []string{" ", "null", "[]", `"x"`, d.file + "x", "\ufeff" + d.file, d.file[:len(d.file)-1], "[" + d.file + "]"} {
				require.Error(t, d.decode([]byte(broken)), "%.40q", broken)
			}
			require.NoError(t, d.decode([]byte(" \r\n\t"+d.file+" \n")))
		})
	}
}

type docCheck struct {
	t *testing.T
	document
}

// taken decodes the document with another value at path; "" leaves it out.
func (d docCheck) taken(want bool, path, value string) {
	d.t.Helper()
	data := rewrite(d.t, d.file, path, func(key string) []string {
		if value == "" {
			return nil
		}
		return []string{member1(key, value)}
	})
	if path == "" {
		data = d.file
	}
	err := d.decode([]byte(data))
	require.Equal(d.t, want, err == nil, "%s: %v", data, err)
	if err != nil {
		require.ErrorIs(d.t, err, ErrDecode)
	}
}

func (d docCheck) field(path, kind, need string) {
	d.t.Helper()
	for _, right := range values[kind].right {
		d.taken(true, path, right)
	}
	for _, wrong := range values[kind].wrong {
		d.taken(false, path, wrong)
	}
	d.taken(need == "O", path, "null")
	last := path[strings.LastIndexByte(path, '.')+1:]
	if _, err := strconv.Atoi(last); err == nil {
		return // an element of a list
	}
	d.taken(need != "R", path, "")
	own := valueAt(d.t, d.file, path)
	twice := rewrite(d.t, d.file, path, func(key string) []string { return []string{member1(key, own), member1(key, own)} })
	require.ErrorIs(d.t, d.decode([]byte(twice)), ErrDecode, "%s twice", path)
	strict := slices.Contains(d.strict, strings.TrimSuffix(strings.TrimSuffix(path, last), "."))
	otherCase := rewrite(d.t, d.file, path, func(key string) []string { return []string{member1(strings.ToUpper(key), own)} })
	require.Equal(d.t, need != "R" && !strict, d.decode([]byte(otherCase)) == nil, "%s in capitals is another key", path)
	if kind == "enum" {
		d.taken(false, path, strings.ToUpper(own))
		d.taken(false, path, strings.Replace(own, `"`, `" `, 1))
	}
}

// unknownKeys puts one into every object.
func (d docCheck) unknownKeys() {
	d.t.Helper()
	for _, path := range objectsIn(d.t, d.file) {
		for _, value := range []string{"null", `{"zz":[1e2,{}]}`} {
			data := d.file[:1] + `"zz":` + value + "," + d.file[1:]
			if path != "" {
				own := valueAt(d.t, d.file, path)
				data = rewrite(d.t, d.file, path, func(key string) []string { return []string{member1(key, `{"zz":`+value+`,`+own[1:])} })
			}
			require.Equal(d.t, !slices.Contains(d.strict, path), d.decode([]byte(data)) == nil, "an unknown key in %q", path)
		}
	}
}

func member1(key, value string) string {
	if key == "" {
		return value
	}
	return strconv.Quote(key) + ":" + value
}

// rewrite writes doc again with others in the place of the member or element at path;
// others gets its key, empty for an element.
func rewrite(t *testing.T, doc, path string, others func(key string) []string) string {
	t.Helper()
	first, rest, nested := strings.Cut(path, ".")
	keys, parts := membersOf(t, doc)
	out := []string{}
	for i, part := range parts {
		switch name := keys[i]; {
		case name != first && (doc[0] == '{' || strconv.Itoa(i) != first):
			out = append(out, member1(name, part))
		case nested:
			out = append(out, member1(name, rewrite(t, part, rest, others)))
		default:
			out = append(out, others(name)...)
		}
	}
	return doc[:1] + strings.Join(out, ",") + doc[len(doc)-1:]
}

// membersOf are the members of an object in their order, or the elements of a list.
func membersOf(t *testing.T, doc string) (keys, parts []string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(doc))
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		key := ""
		if doc[0] == '{' {
			token, err := d.Token()
			require.NoError(t, err)
			key = token.(string)
		}
		var part json.RawMessage
		require.NoError(t, d.Decode(&part))
		keys, parts = append(keys, key), append(parts, string(part))
	}
	return keys, parts
}

func valueAt(t *testing.T, doc, path string) (found string) {
	t.Helper()
	first, rest, nested := strings.Cut(path, ".")
	keys, parts := membersOf(t, doc)
	for i, key := range keys {
		if key == first || key == "" && strconv.Itoa(i) == first {
			found = parts[i]
		}
	}
	require.NotEmpty(t, found, path)
	if nested {
		return valueAt(t, found, rest)
	}
	return found
}

// objectsIn are the paths of all objects; what an event carries is its own.
func objectsIn(t *testing.T, doc string) (paths []string) {
	t.Helper()
	if doc[0] == '{' {
		paths = append(paths, "")
	}
	keys, parts := membersOf(t, doc)
	for i, part := range parts {
		name := keys[i]
		if name == "" {
			name = strconv.Itoa(i)
		}
		if part[0] != '{' && part[0] != '[' || name == "payload" {
			continue
		}
		for _, inner := range objectsIn(t, part) {
			paths = append(paths, strings.TrimSuffix(name+"."+inner, "."))
		}
	}
	return paths
}
