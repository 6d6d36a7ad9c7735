package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// jsonCommand is what a decoder without this package would use; it accepts what
// the wire forbids.
type jsonCommand struct {
	ID          string     `json:"id"`
	Version     string     `json:"version"`
	RequestID   string     `json:"request_id"`
	ExecID      *string    `json:"exec_id"`
	Shell       string     `json:"shell"`
	Script      string     `json:"script"`
	TimeoutSecs uint64     `json:"timeout_secs"`
	JitterSecs  *uint64    `json:"jitter_secs"`
	RunAs       string     `json:"run_as"`
	Cwd         string     `json:"cwd,omitempty"`
	DeadlineAt  *time.Time `json:"deadline_at,omitempty"`
	Staleness   struct {
		Mode        string `json:"mode"`
		MaxCacheAge string `json:"max_cache_age"`
	} `json:"staleness"`
}

type jsonResult struct {
	ResultID   string    `json:"result_id"`
	RequestID  string    `json:"request_id"`
	ExecID     string    `json:"exec_id,omitempty"`
	PCID       string    `json:"pc_id"`
	ExitCode   int32     `json:"exit_code"`
	Stdout     string    `json:"stdout"`
	Stderr     string    `json:"stderr"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	ManifestID string    `json:"manifest_id,omitempty"`
}

func BenchmarkDecodeCommand(b *testing.B) {
	data := load(b, "contract/command.json")
	b.Run("wire", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeCommand(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var c jsonCommand
			if err := json.Unmarshal(data, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncodeResult(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		v := resultFiles["contract/result.json"]
		v.Stdout = strings.Repeat("one line of \"output\", größer\r\n", size/31)
		b.Run(fmt.Sprintf("%dKiB/wire", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(v.Stdout)))
			b.ReportAllocs()
			for b.Loop() {
				v.Encode()
			}
		})
		plain := jsonResult{
			ResultID: v.ResultID, RequestID: v.RequestID, ExecID: v.ExecID, PCID: v.PCID, Stdout: v.Stdout,
			StartedAt: v.StartedAt, FinishedAt: v.FinishedAt, ManifestID: v.ManifestID,
		}
		b.Run(fmt.Sprintf("%dKiB/encoding-json", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(v.Stdout)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(plain); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
