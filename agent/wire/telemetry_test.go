package wire

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

var heartbeatFiles = map[string]Heartbeat{
	"contract/heartbeat.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 5, 0, 0, 123_000), AgentVersion: "0.43.17", Hostname: "LAB-09", OSFamily: "windows",
		AgentCPUPct: new(0.75), AgentRSSBytes: new(int64(41250816)),
		AgentDiskReadBytes: new(int64(9437184)), AgentDiskWrittenBytes: new(int64(131072)),
	},
	"heartbeat_ping.json": {
		PCID: "probe.02", At: at(2031, 3, 4, 5, 0, 0, 0), AgentVersion: "1.0.0", Hostname: "größe", OSFamily: OSFamily("darwin"),
	},
	"heartbeat_newer.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 5, 0, 0, 100_000_000), AgentVersion: "1.0.0", OSFamily: OSFamily("linux"),
		AgentCPUPct: new(float64(float32(99.503723))), AgentRSSBytes: new(int64(math.MaxInt64)),
		AgentArch: AgentArch("amd64"), QuarantinedVersions: []string{"0.9.0"},
		CommandKeys: []string{}, Enforcing: new(false), RemoteViewing: new(false),
	},
}

var hostPerfFiles = map[string]HostPerf{
	"contract/host_perf.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 5, 1, 0, 0), CPUPct: new(17.5), CPUCount: new(uint32(8)),
		MemUsedBytes: new(int64(6442450944)), MemTotalBytes: new(int64(17179869184)),
		SwapUsedBytes: new(int64(0)), SwapTotalBytes: new(int64(2147483648)),
		DiskReadBytesPerSec: new(20480.0), DiskWrittenBytesPerSec: new(4096.5),
		NetRxBytesPerSec: new(1500.25), NetTxBytesPerSec: new(900.0),
	},
	"host_perf_first.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 5, 1, 0, 0), CPUCount: new(uint32(2)),
		MemUsedBytes: new(int64(1)), MemTotalBytes: new(int64(2)), SwapUsedBytes: new(int64(0)), SwapTotalBytes: new(int64(0)),
	},
}

var processPerfFiles = map[string]ProcessPerf{
	"contract/process_perf.json": {
		PCID: "LAB-09", At: at(2031, 3, 4, 5, 1, 0, 100_000_000), Processes: []ProcessLoad{
			{
				PID: 4242, Name: "editor.exe", CPUPct: 61.5, RSSBytes: 734003200,
				DiskReadBytesPerSec: new(0.0), DiskWrittenBytesPerSec: new(2048.0),
			},
			{PID: 77, Name: "svc.exe", RSSBytes: 1048576},
		},
	},
	"process_perf_none.json": {PCID: "LAB-09", At: at(2031, 3, 4, 5, 1, 0, 0), Processes: []ProcessLoad{}},
}

func TestGoldenTelemetry(t *testing.T) {
	t.Parallel()
	for file, h := range heartbeatFiles {
		requireGolden(t, file, h, DecodeHeartbeat)
	}
	for file, p := range hostPerfFiles {
		requireGolden(t, file, p, DecodeHostPerf)
	}
	for file, p := range processPerfFiles {
		requireGolden(t, file, p, DecodeProcessPerf)
	}
	request := LogsRequest{TailLines: 120}
	read, err := DecodeLogsRequest(golden(t, "contract/logs_request.json", request.Encode()))
	require.NoError(t, err)
	require.Equal(t, request, read)
}

func requireGolden[T interface {
	Encode() []byte
	Validate() error
}](t *testing.T, file string, value T, decode func([]byte) (T, error),
) {
	t.Helper()
	require.NoError(t, value.Validate(), file)
	read, err := decode(golden(t, file, value.Encode()))
	require.NoError(t, err, file)
	require.Equal(t, value, read, file)
}

func TestLogsRequest(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]uint32{
		`{}`: 500, `{"tail_lines":100}`: 100, `{"tail_lines":0}`: 0, `{"tail_lines":4294967295}`: math.MaxUint32,
		`{"tail_lines":7,"follow":true}`: 7,
	} {
		q, err := DecodeLogsRequest([]byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, want, q.TailLines, doc)
	}
	for _, doc := range []string{
		``, `junk`, `null`, `[]`, `7`, `{"tail_lines":null}`, `{"tail_lines":"7"}`, `{"tail_lines":-1}`, `{"tail_lines":7.0}`,
		`{"tail_lines":4294967296}`, `{"tail_lines":7,"tail_lines":8}`, `{"tail_lines":7}x`, `{"tail_lines":7`,
	} {
		q, err := DecodeLogsRequest([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.Equal(t, LogsRequest{TailLines: 500}, q, doc)
	}
}

func TestTelemetryThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const head = `{"pc_id":"x","at":"2031-03-04T05:00:00Z",`
	for doc, want := range map[string]string{
		head + `"hostname":"h"}`:                            "agent_version",
		head + `"agent_version":null}`:                      "found null",
		head + `"agent_version":"1","agent_rss_bytes":1.5}`: "whole number",
		head + `"agent_version":"1","agent_cpu_pct":1e999}`: "64 bits",
		head + `"agent_version":"1","agent_cpu_pct":"1"}`:   "a number",
	} {
		_, err := DecodeHeartbeat([]byte(doc))
		require.ErrorIs(t, err, ErrDecode, doc)
		require.ErrorContains(t, err, want)
	}
	_, err := DecodeHostPerf([]byte(head + `"cpu_count":-1}`))
	require.ErrorIs(t, err, ErrDecode)
	for _, list := range []string{`null`, `{}`, `[1]`, `[{"pid":1,"name":"a","cpu_pct":1}]`, `[{"pid":-1,"name":"a","cpu_pct":1,"rss_bytes":1}]`} {
		_, err := DecodeProcessPerf([]byte(head + `"processes":` + list + `}`))
		require.ErrorIs(t, err, ErrDecode, list)
	}
	h, err := DecodeHeartbeat([]byte(head + `"agent_version":"1","hostname":null,"agent_cpu_pct":3,"command_keys":null,"later":{}}`))
	require.NoError(t, err)
	require.Equal(t, new(3.0), h.AgentCPUPct, "a whole number is a number")
	require.Nil(t, h.CommandKeys)
}

func TestNumbersThatJSONDoesNotHave(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, data := range [][]byte{
			Heartbeat{AgentCPUPct: &f}.Encode(), HostPerf{CPUPct: &f, NetRxBytesPerSec: &f}.Encode(),
			ProcessPerf{Processes: []ProcessLoad{{CPUPct: f, DiskReadBytesPerSec: &f}}}.Encode(),
		} {
			require.True(t, json.Valid(data), "%s", data)
		}
	}
}

func TestTelemetrySubjects(t *testing.T) {
	t.Parallel()
	require.Equal(t, "heartbeat.probe.02", HeartbeatSubject("probe.02"))
	require.Equal(t, "host_perf.PC-1", HostPerfSubject("PC-1"))
	require.Equal(t, "process_perf.PC-1", ProcessPerfSubject("PC-1"))
	require.Equal(t, "agents.PC-1.ping", PingSubject("PC-1"))
	require.Equal(t, "logs.fetch.PC-1", LogsFetchSubject("PC-1"))
	require.Equal(t, "job.tail.PC-1", JobTailSubject("PC-1"))
	for _, name := range []string{"a b", "*", ">", "a..b", "\xff", ""} {
		for _, build := range []func(string) string{HeartbeatSubject, HostPerfSubject, ProcessPerfSubject, PingSubject, LogsFetchSubject, JobTailSubject} {
			requireSubject(t, build(name))
		}
	}
}

func FuzzDecodeTelemetry(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		requireStable(t, data, DecodeHeartbeat)
		requireStable(t, data, DecodeHostPerf)
		requireStable(t, data, DecodeProcessPerf)
	})
}

func FuzzDecodeLogsRequest(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := DecodeLogsRequest(data)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			require.Equal(t, uint32(DefaultTailLines), q.TailLines)
			require.Less(t, len(err.Error()), 600)
			return
		}
		again, err := DecodeLogsRequest(q.Encode())
		require.NoError(t, err)
		require.Equal(t, q, again)
	})
}

// requireStable checks that what can be read is written and read as the same.
func requireStable[T interface{ Encode() []byte }](t *testing.T, data []byte, decode func([]byte) (T, error)) {
	t.Helper()
	v, err := decode(data)
	if err != nil {
		require.ErrorIs(t, err, ErrDecode)
		return
	}
	require.True(t, json.Valid(data), "accepted what is not JSON")
	written := v.Encode()
	again, err := decode(written)
	require.NoError(t, err)
	require.Equal(t, string(written), string(again.Encode()))
}
