package agentcli

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/agent"
	"github.com/kanade-go/kanade/agent/wire"
)

// unpacked is a bundle by the names of its files.
func unpacked(t *testing.T, path string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer r.Close()
	all := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(in)
		require.NoError(t, err)
		require.NoError(t, in.Close())
		all[f.Name] = string(data)
	}
	return all
}

// diag runs the verb without waiting for agents that hang.
func (b *bench) diag(t *testing.T, args ...string) (diagAnswer, map[string]string) {
	t.Helper()
	out, err := b.do(t, append([]string{"diag", "--json", "--out", t.TempDir()}, args...)...)
	require.NoError(t, err)
	var answer diagAnswer
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	info, err := os.Stat(answer.File)
	require.NoError(t, err)
	require.Equal(t, answer.Bytes, info.Size())
	return answer, unpacked(t, answer.File)
}

var diagNames = []string{
	"versions.json", "config.json", "status.json", "updates.json", "ledger.json", "boxes.json", "folders.json",
	"environment.json", "findings.json", "log.txt", "goroutines.txt",
}

func TestDiagOfAnAgentThatRuns(t *testing.T) {
	t.Parallel()
	dir, _, _ := foreground(t)
	b := newBench(t, nil)
	require.Eventually(t, func() bool { _, err := agent.ReadStatus(dir); return err == nil }, time.Minute, 20*time.Millisecond)
	answer, files := b.diag(t, "--data-dir", dir, "--nats-url", "nats://127.0.0.1:1", "--id", "pc-1")
	var names []string
	for _, s := range answer.Sections {
		names = append(names, s.Name)
		if s.Name != "log.txt" {
			require.Empty(t, s.Error, s.Name)
		}
		require.Len(t, files[s.Name], s.Bytes)
	}
	require.Equal(t, diagNames, names)
	require.Contains(t, filepath.Base(answer.File), "kanade-agent-diag-pc-1-")
	require.Contains(t, files["versions.json"], `"version": "1.2.3"`)
	require.Contains(t, files["config.json"], `"name": "agent.data_dir"`)
	require.Contains(t, files["status.json"], `"state": "running"`)
	require.Contains(t, files["ledger.json"], `.journal"`)
	require.Contains(t, files["boxes.json"], `"name": "results"`)
	require.Contains(t, files["folders.json"], `"name": "status.json"`)
	require.Contains(t, files["environment.json"], `"PATH"`)
	require.NotContains(t, files["environment.json"], os.Getenv("PATH"))
	require.Contains(t, files["findings.json"], `"check": "service"`)
	require.Contains(t, files["goroutines.txt"], "goroutine ")
	require.Contains(t, files["summary.json"], "there is no log file")
}

// A host on which nothing works yet, or nothing any more.
func TestDiagOfAHostWithoutAnAgent(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	answer, files := b.diag(t)
	require.Len(t, answer.Sections, len(diagNames))
	require.Contains(t, files["status.json"], `"state": "stopped"`)
	require.Contains(t, files["summary.json"], "not running")

	config := filepath.Join(t.TempDir(), "agent.toml")
	require.NoError(t, os.WriteFile(config, []byte("[agent]\nid = 'a b'\nnats_url = \n"), 0o600))
	_, files = b.diag(t, "--config", config)
	require.Contains(t, files["config.json"], `"severity": "error"`)
	require.Contains(t, files["config.json"], `"line": 3`)
}

func TestDiagOverwritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	path := filepath.Join(t.TempDir(), "host.zip")
	_, err := b.do(t, "diag", "--out", path)
	require.NoError(t, err)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = b.do(t, "diag", "--out", path)
	require.ErrorIs(t, err, os.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	_, err = b.do(t, "diag", "--out", filepath.Join(path, "below"))
	require.Error(t, err)
}

// canaries are secrets in every place that has some.
var canaries = []string{
	"cnry-token-env", "cnry-password-env", "cnry-userinfo", "cnry/pct+word", "cnry-url-token", "cnry-token-file", "cnry-proxy-word",
	"SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4", "cnry-quo\"ted\\word",
	"cnry-script-text", "cnry-script-env", "cnry-stdout", "cnry-other-env", "cnry-template", "cnry-unknown-key", "cnry-log-bearer", "cnry-log-word",
	"eyJhbGciOiJlZDI1NTE5LW5rZXkifQ.cnryJWTpayload.cnryJWTsignature",
}

// No secret of the host is in the bundle, wherever it stands on the host.
func TestDiagHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]string{
		"token file": "token_file = '%[1]s/token'", "nkey file": "nkey_file = '%[1]s/nkey'", "creds file": "creds_file = '%[1]s/creds'",
		"password file": "user = 'u'\npassword_file = '%[1]s/password'", "variables": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			plant(t, dir, login)
			env := map[string]string{"HTTPS_PROXY": "http://u:cnry-proxy-word@proxy:3128"}
			if login == "" {
				env["KANADE_NATS_TOKEN"], env["KANADE_NATS_PASSWORD"], env["KANADE_NATS_USER"] = "cnry-token-env", "cnry-password-env", "u"
			}
			b := newBench(t, env)
			d := b.newDiagnosis(flagged("config", filepath.Join(dir, "agent.toml")))
			d.environ = func() []string {
				return []string{"MY_API_KEY=cnry-other-env", "HTTPS_PROXY=" + env["HTTPS_PROXY"], "cnry-without-a-value", "HOME=/root"}
			}
			d.scrub = newScrubber(knownSecrets(d.found.config, d.around, d.environ()))
			require.Empty(t, d.wrong)
			d.patience = time.Millisecond
			path := filepath.Join(t.TempDir(), "host.zip")
			f, err := os.Create(path)
			require.NoError(t, err)
			_, err = d.write(context.Background(), f)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			files := unpacked(t, path)
			require.NotEmpty(t, files["log.txt"])
			require.NotEmpty(t, files["boxes.json"])
			for file, text := range files {
				for _, canary := range canaries {
					if login == "" && strings.HasPrefix(canary, "cnry-token-f") {
						continue // nobody knows that it is one, without its file
					}
					for _, form := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary), fmt.Sprintf("%q", canary)} {
						require.NotContains(t, text, strings.Trim(form, `"`), "%s has %s", file, canary)
					}
				}
				require.NotContains(t, strings.ToLower(text), "cnry-", "%s", file)
			}
			require.Contains(t, files["log.txt"], "an honest line")
			require.Contains(t, files["environment.json"], "MY_API_KEY")
		})
	}
}

// plant makes a state folder, a log and a configuration that are full of secrets.
func plant(t *testing.T, dir, login string) {
	t.Helper()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	seed, jwt := canaries[7], canaries[len(canaries)-1]
	write("token", "cnry-token-file\n")
	write("password", canaries[8]+"\n")
	write("nkey", seed+"\n")
	write("creds", "-----BEGIN NATS USER JWT-----\n"+jwt+"\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\n"+seed+"\n------END USER NKEY SEED------\n")
	if strings.Contains(login, "%") {
		login = fmt.Sprintf(login, dir)
	}
	write("agent.toml", fmt.Sprintf(`# cnry-template in a comment
[vars]
secret = 'cnry-template'
[agent]
id = 'pc-1'
nats_url = 'nats://u:cnry-userinfo@127.0.0.1:1'
servers = ['nats://u:%s@127.0.0.1:2', 'nats://cnry-url-token@127.0.0.1:3']
data_dir = '%s/state'
proxy = 'http://u:cnry-proxy-word@127.0.0.1:4'
unknown = 'cnry-unknown-key'
%s
[log]
path = '%s/log/agent.log'
level = 'info'
`, url.PathEscape("cnry/pct+word"), dir, login, dir))

	quoted := slog.New(slog.NewTextHandler(logTo{t, filepath.Join(dir, "log", "agent.2026-01-31.log")}, nil))
	quoted.Info("an honest line")
	for _, canary := range canaries[:7] {
		if canary == "cnry-token-file" && !strings.Contains(login, "token_file") || strings.HasSuffix(canary, "-env") && login != "" {
			continue // it is not known as one
		}
		quoted.Info("connect", "url", "nats://u:"+url.PathEscape(canary)+"@127.0.0.1")
		quoted.Info("slip", "said", canary)
	}
	quoted.Info("slip", "seed", seed, "jwt", jwt)
	if strings.Contains(login, "password_file") {
		quoted.Info("slip", "said", canaries[8])
	}
	quoted.Info("slip", "header", "Authorization: Bearer cnry-log-bearer")
	quoted.Info("slip", "password", "cnry-log-word", "other", `{"api_key": "cnry-log-word"}`)

	result, err := json.Marshal(map[string]any{
		"result_id": wire.ResultID("r-1", "pc-1"), "request_id": "r-1", "pc_id": "pc-1", "exit_code": 0, "stdout": "cnry-stdout", "stderr": "cnry-stdout",
		"started_at": "2026-01-31T00:00:00Z", "finished_at": "2026-01-31T00:00:00Z",
	})
	require.NoError(t, err)
	write("state/outbox/r-1.json", string(result))
	write("state/outbox/stuck/r-2.json", string(result))
	write("state/ledger/0123456789abcdef.journal", "00000000 {\"body\":\"cnry-script-text cnry-script-env\"}\n")
	write("state/script_cache/aa", "cnry-script-text")
	write("state/"+agent.StatusFile, `{"format":1,"id":"pc-1","version":"1","running":true,"at":"2026-01-31T00:00:00Z",
		"resources":[{"name":"connection","error":"dial nats://u:cnry-userinfo@127.0.0.1: refused"}]}`)
}

type logTo struct {
	t    *testing.T
	path string
}

func (l logTo) Write(p []byte) (int, error) {
	require.NoError(l.t, os.MkdirAll(filepath.Dir(l.path), 0o700))
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(l.t, err)
	defer f.Close()
	return f.Write(p)
}

// What a host has too much of is cut, and said to be.
func TestDiagIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "agent.toml")
	require.NoError(t, os.WriteFile(config, []byte(fmt.Sprintf("[agent]\nid='pc-1'\nnats_url='nats://127.0.0.1:1'\ndata_dir='%[1]s/state'\n[log]\npath='%[1]s/agent.log'\nlevel='info'\n", dir)), 0o600))
	line := strings.Repeat("x", 99) + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "agent.2026-01-30.log"), []byte(strings.Repeat(line, 30_000)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "agent.2026-01-31.log"), []byte(strings.Repeat("y"+line, 3)), 0o600))
	box := filepath.Join(dir, "state", "outbox", "stuck")
	require.NoError(t, os.MkdirAll(box, 0o700))
	for i := range 100 {
		require.NoError(t, os.WriteFile(filepath.Join(box, fmt.Sprintf("r-%d.json", i)), []byte("{}"), 0o600))
	}
	b := newBench(t, nil)
	_, files := b.diag(t, "--config", config)
	require.LessOrEqual(t, len(files["log.txt"]), maxDiagLog)
	require.True(t, strings.HasSuffix(files["log.txt"], "\n"+strings.Repeat("y"+line, 3)), "the newest lines, all of them")
	require.True(t, strings.HasPrefix(files["log.txt"], line), "from the beginning of a line on")
	var boxes []diagBox
	require.NoError(t, json.Unmarshal([]byte(files["boxes.json"]), &boxes))
	require.Equal(t, 100, boxes[0].Stuck)
	require.Len(t, boxes[0].Records, maxStays)

	d := b.newDiagnosis(flagValues{})
	data, err := d.encoded(t.Context(), section{"x.json", func(context.Context) (any, error) { return strings.Repeat("x", maxDiagJSON), nil }})
	require.ErrorContains(t, err, "left out")
	require.Empty(t, data)
}

func TestWhatLooksLikeASecret(t *testing.T) {
	t.Parallel()
	s := newScrubber([]string{"short", "longer-secret", "longer-secret-still", "with \"quotes\"\n"})
	for text, want := range map[string]string{
		"nothing at all":                                                 "nothing at all",
		"a short one stays":                                              "a short one stays",
		"x longer-secret-still y longer-secret z":                        "x [redacted] y [redacted] z",
		`msg="with \"quotes\""`:                                          `msg="[redacted]"`,
		"nats://u:p@host:4222":                                           "nats://[redacted]@host:4222",
		"see https://host/a@b":                                           "see https://host/a@b",
		"password=\"begins here\nand ends\"":                             "password=[redacted]and ends\"",
		"token=abc next":                                                 "token=[redacted] next",
		`{"password": "a b", "x": 1}`:                                    `{"password": [redacted], "x": 1}`,
		`err="{\"api_key\":\"a b\"}" n=1`:                                `err="{\"api_key\":[redacted]}" n=1`,
		"Authorization: Bearer abcdefgh":                                 "Authorization: [redacted] [redacted]",
		"request_id=tokens-are-fine job=clean":                           "request_id=tokens-are-fine job=clean",
		"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nx": "[redacted]\nx",
	} {
		require.Equal(t, want, s.text(text))
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("before longer-secret after", "longer-secret")
	f.Add(`{"a":"nats://u:p@h"}`, "nats://")
	f.Fuzz(func(t *testing.T, text, secret string) {
		secret = strings.TrimSpace(secret)
		if len(secret) < minSecret || strings.Contains(redacted, secret) {
			return // not one, or in the placeholder itself
		}
		s := newScrubber([]string{secret})
		require.NotContains(t, s.known.Replace(text), secret)
		data, err := s.json(map[string]string{text: text})
		require.NoError(t, err)
		require.True(t, json.Valid(data))
	})
}
