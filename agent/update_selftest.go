package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/update"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// SelfTestReport is what a release says of itself before it replaces another. It is
// printed as one JSON object.
type SelfTestReport = update.Report

// selfTestWait is how long the broker may take for each of two answers, where the
// updater does not say.
const selfTestWait = 30 * time.Second

func selfTestPatience() time.Duration {
	if wait, err := time.ParseDuration(os.Getenv(selfTestWaitEnv)); err == nil && wait > 0 && wait < selfTestWait {
		return wait
	}
	return selfTestWait
}

// SelfTest finds out whether this program can work here with this configuration: it
// connects as the agent would and reads the settings. It takes no lock, changes
// nothing, and works beside a running agent. The report is filled in as far as it
// came; Name is the caller's business. Errors: those of [New], and why it could not
// connect or read within 30 s each, or less where KANADE_SELFTEST_WAIT says so.
func SelfTest(ctx context.Context, cfg Config, opts ...Option) (SelfTestReport, error) {
	report := SelfTestReport{Version: cfg.Version, OS: wire.OSFamily(runtime.GOOS), Arch: wire.AgentArch(runtime.GOARCH)}
	a, err := New(cfg, opts...)
	if err != nil {
		return report, err
	}
	options := a.dialOptions()
	// Another name than the agent's, by which the backend knows its host.
	options.Name = "kanade-selftest/" + cfg.ID
	conn, err := natskit.Dial(options)
	if err != nil {
		return report, fmt.Errorf("agent: self-test: %w", err)
	}
	defer conn.Close()
	transport := retry.FromNATS(conn.Conn)
	if err := awaitConnected(ctx, transport); err != nil {
		return report, errors.Join(fmt.Errorf("agent: self-test: connect to the broker: %w", err), conn.LastFailure())
	}
	report.Connected = true
	if err := readSettings(ctx, transport); err != nil {
		return report, fmt.Errorf("agent: self-test: read bucket %s: %w", wire.BucketAgentConfig, err)
	}
	report.Settings = true
	return report, nil
}

func awaitConnected(ctx context.Context, t retry.Transport) error {
	ctx, cancel := context.WithTimeout(ctx, selfTestPatience())
	defer cancel()
	for {
		connected, changed := t.State()
		if connected {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// readSettings takes a bucket that is not there for read: nobody has settings then.
func readSettings(ctx context.Context, t retry.Transport) error {
	ctx, cancel := context.WithTimeout(ctx, selfTestPatience())
	defer cancel()
	_, err := retry.NewKVReader(t).ReadKV(ctx, retry.KVQuery{Bucket: wire.BucketAgentConfig, Keys: []string{wire.ConfigKeyGlobal}})
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil
	}
	return err
}
