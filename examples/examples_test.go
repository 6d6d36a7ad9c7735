// Package examples_test builds every example and runs it as a process, the way
// a reader would.
package examples_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry/jstest"
)

func TestQuickstartShowsTheWayOfACommand(t *testing.T) {
	t.Parallel()
	p := start(t, "quickstart")
	p.endsWell()
	p.requireLines(
		`agent +\S+, state in `+regexp.QuoteMeta(p.temp),
		`command +.*hello from .+`,
		`stdout +hello from \S+`,
		`stderr +\(nothing\)`,
		`exit code +0`,
		`stored +stream RESULTS, sequence 1, subject results\.\S+`,
		`took +\S+s from sending the command`,
	)
	require.NotContains(t, p.stdout.String(), "\x1b", "colours are for terminals")
	require.NotContains(t, p.stderr.String(), "level=INFO", "logs are for --verbose")
	p.leavesNothing()
}

func TestQuickstartRunsTheTextAfterTheDashes(t *testing.T) {
	t.Parallel()
	p := start(t, "quickstart", "--", failing)
	p.endsWell()
	p.requireLines(`stdout +one`, ` +two`, `stderr +oops`, `exit code +3`)
	p.leavesNothing()
}

func TestQuickstartShowsWhyAShellIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, "quickstart", "--shell", "no-such-shell", "--verbose")
	p.endsWell()
	p.requireLines(`stderr +.*shell.*`, `exit code +-1`)
	require.Contains(t, p.stderr.String(), "agent takes commands")
	p.leavesNothing()
}

func TestQuickstartExplainsWrongFlags(t *testing.T) {
	t.Parallel()
	p := start(t, "quickstart", "--colour")
	require.Equal(t, 2, p.exitCode())
	require.Contains(t, p.stderr.String(), "-colour")
	require.Contains(t, p.stderr.String(), "usage: quickstart")
	require.Empty(t, p.stdout.String())

	help := start(t, "quickstart", "-h")
	help.endsWell()
	require.Contains(t, help.stdout.String(), "usage: quickstart")
}

func TestQuickstartStaysForOtherClients(t *testing.T) {
	t.Parallel()
	p := start(t, "quickstart", "--stay")
	url := p.waitFor(`(?m)^address +(\S+)$`)
	subject := p.waitFor(`(?m)^subject +(\S+)$`)
	payload := p.waitFor(`(?m)^payload +(.+)$`)
	p.waitFor(regexp.QuoteMeta("nats --server " + url + " pub " + subject + " '" + payload + "'"))

	c := connect(t, url)
	c.publish(subject, []byte(payload))
	require.Contains(t, c.result("by-hand-1").Stdout, "hello from")
	p.waitFor(`(?m)^request +by-hand-1\n(.+\n)+stored .+ sequence 2,`)
	c.requireContract()

	p.interrupt()
	p.endsWell()
	p.leavesNothing()
}

func TestQuickstartStopsWhileItsCommandRuns(t *testing.T) {
	t.Parallel()
	mark := filepath.Join(t.TempDir(), "running")
	p := start(t, "quickstart", "--", lasting(mark))
	require.Eventually(t, func() bool {
		_, err := os.Stat(mark)
		return err == nil
	}, patience, 10*time.Millisecond)
	p.interrupt()
	p.endsWell()
	p.leavesNothing()
}

func TestEmbedRunsAnAgent(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	c := connect(t, broker.URL())
	c.createStreams()
	p := start(t, "embed", "-server", broker.URL(), "-id", "PC-1", "-state", filepath.Join(t.TempDir(), "state"))
	p.waitForLog("agent takes commands")
	r := c.run("PC-1", wire.Command{Shell: shell, Script: failing})
	require.Regexp(t, `^one\r?\ntwo\r?\n$`, r.Stdout)
	require.Regexp(t, `^oops\r?\n$`, r.Stderr)
	require.EqualValues(t, 3, r.ExitCode)
	p.interrupt()
	p.endsWell()
}

func TestHandlerAnswersItsOwnCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("12345"), 0o600))
	request, err := json.Marshal(map[string]any{"path": dir, "max_bytes": 4})
	require.NoError(t, err)
	broker := jstest.StartBroker(t)
	c := connect(t, broker.URL())
	c.createStreams()
	p := start(t, "handler", "-server", broker.URL(), "-id", "PC-2", "-state", filepath.Join(t.TempDir(), "state"))
	p.waitForLog("agent takes commands")
	r := c.run("PC-2", wire.Command{Shell: "dir-size", Script: string(request)})
	require.Contains(t, r.Stdout, `"files":1,"bytes":5`)
	require.EqualValues(t, 3, r.ExitCode)
	p.interrupt()
	p.endsWell()
}

func TestAgentExamplesSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"embed", "handler"} {
		p := start(t, name)
		require.Equal(t, 1, p.exitCode())
		require.Contains(t, p.stderr.String(), "state folder is not set")
	}
	p := start(t, "outboxonly")
	require.Equal(t, 2, p.exitCode())
	require.Contains(t, p.stderr.String(), "usage: outboxonly")
}

func TestOutboxonlyPublishesWhenTheBrokerComes(t *testing.T) {
	t.Parallel()
	broker, dir := jstest.NewBroker(t), filepath.Join(t.TempDir(), "outbox")
	first := start(t, "outboxonly", "-server", broker.URL(), "-dir", dir, "one")
	first.waitFor(`1 pending`)
	first.interrupt()
	first.endsWell()
	first.requireLines(`1 still pending.*`)

	second := start(t, "outboxonly", "-server", broker.URL(), "-dir", dir, "two", "three")
	second.waitFor(`3 pending`)
	broker.Start()
	c := connect(t, broker.URL())
	c.createStreams()
	for _, text := range []string{"one", "two", "three"} {
		second.waitFor(`(?m)^delivered to audit\.outboxonly: ` + text + `$`)
	}
	require.ElementsMatch(t, []string{"one", "two", "three"}, c.payloads(wire.StreamAudit))
	second.interrupt()
	second.endsWell()
	second.requireLines(`0 still pending.*`)
}

func TestFleetMeasuresItsRounds(t *testing.T) {
	t.Parallel()
	broker := jstest.StartBroker(t)
	c := connect(t, broker.URL())
	c.createStreams()
	p := start(t, "fleet", "-server", broker.URL(), "-agents", "20", "-rounds", "2", "-state", filepath.Join(t.TempDir(), "state"))
	p.endsWell()
	p.requireLines(`20 agents take commands`, `round 1: 20 results`, `round 2: 20 results`)
	require.Len(t, c.payloads(wire.StreamResults), 40)
}

func TestWhitelabelIsTheAgentUnderAnotherName(t *testing.T) {
	t.Parallel()
	help := start(t, "whitelabel", "--help")
	help.endsWell()
	require.Contains(t, help.stdout.String(), "acme-agent")
	require.NotContains(t, help.stdout.String(), "kanade-agent")
	version := start(t, "whitelabel", "version")
	version.endsWell()
	version.requireLines(`.*1\.0\.0`)
}
