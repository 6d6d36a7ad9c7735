package agentcli

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// maxDiagJSON bounds a section that is JSON, in bytes. A status with everything in
	// it is a third of that.
	maxDiagJSON = 1 << 20
	// maxDiagLog bounds what is taken of the log.
	maxDiagLog = 1 << 20
	// maxDiagText bounds any other text. Ten JSON sections, the log and this one are
	// below 16 MiB.
	maxDiagText = 4 << 20
	// goroutinesWait is how long the agent may take to say what its goroutines do. It
	// looks every five seconds whether it is asked.
	goroutinesWait = 15 * time.Second
)

// diagnosis collects the sections of a bundle.
type diagnosis struct {
	tree
	environ  func() []string
	flags    flagValues
	found    loaded
	wrong    problems
	stateDir string
	stateErr error
	scrub    *scrubber
	now      time.Time
	patience time.Duration
}

func (t tree) newDiagnosis(flags flagValues) *diagnosis {
	d := &diagnosis{tree: t, environ: os.Environ, flags: flags, now: time.Now(), patience: goroutinesWait}
	d.found, d.wrong = d.checked(flags)
	d.stateDir, _, d.stateErr = d.tree.stateDir(flags)
	d.scrub = newScrubber(knownSecrets(d.found.config, d.around, d.environ()))
	return d
}

// section collects one file of the bundle. What it returns is as good as it came, also
// beside an error.
type section struct {
	name    string
	collect func(context.Context) (any, error) // a value for JSON, or []byte
}

func (d *diagnosis) sections() []section {
	return []section{
		{"versions.json", d.versions},
		{"config.json", d.config},
		{"status.json", d.status},
		{"updates.json", d.updates},
		{"ledger.json", d.ledger},
		{"boxes.json", d.boxes},
		{"folders.json", d.folders},
		{"environment.json", d.environment},
		{"findings.json", d.findings},
		{"log.txt", d.log},
		{"goroutines.txt", d.goroutines},
	}
}

// write packs the sections; only an error of w ends it.
func (d *diagnosis) write(ctx context.Context, w io.Writer) (diagAnswer, error) {
	answer := diagAnswer{At: d.now.UTC().Truncate(time.Second), Sections: []diagSection{}}
	bundle := zip.NewWriter(w)
	for _, s := range d.sections() {
		data, err := d.encoded(ctx, s)
		said := diagSection{Name: s.name, Bytes: len(data)}
		if err != nil {
			said.Error = d.scrub.text(oneLine(err))
		}
		answer.Sections = append(answer.Sections, said)
		if len(data) == 0 {
			continue
		}
		if err := d.add(bundle, s.name, data); err != nil {
			return answer, err
		}
	}
	data, err := json.MarshalIndent(answer, "", "  ")
	if err == nil {
		err = d.add(bundle, "summary.json", data)
	}
	return answer, errors.Join(err, bundle.Close())
}

func (d *diagnosis) add(bundle *zip.Writer, name string, data []byte) error {
	w, err := bundle.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: d.now.UTC()})
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// encoded is a section without secrets, and within its bounds.
func (d *diagnosis) encoded(ctx context.Context, s section) ([]byte, error) {
	value, err := s.collect(ctx)
	if text, is := value.([]byte); is {
		return d.scrub.bytes(text[:min(len(text), maxDiagText)]), err
	}
	if value == nil {
		return nil, err
	}
	data, encodeErr := d.scrub.json(value)
	if len(data) > maxDiagJSON {
		return nil, errors.Join(err, fmt.Errorf("left out: it has %d bytes, more than %d", len(data), maxDiagJSON))
	}
	return data, errors.Join(err, encodeErr)
}

// json encodes a value whose texts are scrubbed before, so that no escape hides one.
func (s *scrubber) json(value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(plain))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	return json.MarshalIndent(s.walk(tree), "", "  ")
}

func (s *scrubber) walk(v any) any {
	switch v := v.(type) {
	case string:
		return s.text(v)
	case []any:
		for i := range v {
			v[i] = s.walk(v[i])
		}
		return v
	case map[string]any:
		clean := make(map[string]any, len(v))
		for key, value := range v {
			clean[s.text(key)] = s.walk(value)
		}
		return clean
	}
	return v
}
