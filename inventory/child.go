package inventory

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// child runs one child and hands on what it tells.
func (i *Isolated) child(ctx context.Context, sections []string, found func(finding)) error {
	if len(i.argv) == 0 {
		return errors.New("inventory: start collector: no command given")
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("inventory: start collector: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, i.timeout()+i.late)
	defer cancel()
	p, err := i.start(sections)
	if err != nil {
		return fmt.Errorf("inventory: start collector: %w", err)
	}
	defer p.abandon()
	return p.listen(ctx, found)
}

// process is a child on its way.
type process struct {
	*Isolated
	cmd      *exec.Cmd
	out      *os.File
	stderr   *head
	findings chan finding
	readErr  error         // once findings is closed
	ended    chan error    // what Wait returned
	gone     chan struct{} // closed when nobody listens any more
}

func (i *Isolated) start(sections []string) (*process, error) {
	select {
	case i.alive <- struct{}{}:
	default:
		return nil, fmt.Errorf("children that cannot be killed hang: %w", ErrBusy)
	}
	p := &process{
		Isolated: i, stderr: &head{limit: 1 << 10}, findings: make(chan finding), ended: make(chan error, 1), gone: make(chan struct{}),
	}
	if err := p.spawn(sections); err != nil {
		<-i.alive
		return nil, err
	}
	go p.wait()
	go p.read()
	return p, nil
}

func (p *process) spawn(sections []string) error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	p.out = out
	p.cmd = exec.Command(p.argv[0], p.argv[1:]...) //nolint:noctx // listen ends it, with all that it started
	p.cmd.Env = p.environ(sections)
	p.cmd.Stdout, p.cmd.Stderr = in, p.stderr
	p.cmd.WaitDelay = p.late // for what a process that it started holds open
	apart(p.cmd)
	if err := errors.Join(p.cmd.Start(), in.Close()); err != nil {
		return errors.Join(err, out.Close())
	}
	return nil
}

// wait also ends what the child started and left behind.
func (p *process) wait() {
	err := p.cmd.Wait()
	killTree(p.cmd)
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; what it left behind held its output open
	}
	<-p.alive
	p.ended <- err
}

func (p *process) read() {
	defer close(p.findings)
	limit := or(p.MaxResult, DefaultMaxResult)
	limited := &io.LimitedReader{R: p.out, N: limit + 1}
	p.readErr = readFindings(bufio.NewReader(limited), func(f finding) {
		select {
		case p.findings <- f:
		case <-p.gone:
		}
	})
	if limited.N <= 0 {
		p.readErr = fmt.Errorf("its result is larger than %d bytes", limit)
	}
}

// listen hands on what the child tells until it has ended, and returns why that is
// not everything. It returns a little after the end of ctx, whatever the child
// does.
func (p *process) listen(ctx context.Context, found func(finding)) error {
	var readErr, waitErr error
	var late <-chan time.Time
	findings, ended, over := p.findings, p.ended, ctx.Done()
	for findings != nil || ended != nil {
		select {
		case f, more := <-findings:
			if more {
				found(f)
				continue
			}
			findings, readErr = nil, p.readErr
			if readErr != nil && ended != nil {
				p.kill(p.cmd) // it writes what nobody can read
				late = time.After(2 * p.late)
			}
		case waitErr = <-ended:
			ended, late = nil, time.After(p.late) // its output may be held open
		case <-over:
			over, late = nil, time.After(2*p.late)
			p.kill(p.cmd)
		case <-late:
			if ended != nil {
				return fmt.Errorf("inventory: the collector cannot be killed: %w", errors.Join(ErrBusy, ctx.Err()))
			}
			findings = nil
		}
	}
	return p.verdict(ctx, waitErr, readErr)
}

// verdict is why a child gave no whole result.
func (p *process) verdict(ctx context.Context, waitErr, readErr error) error {
	switch {
	case waitErr == nil && readErr == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("inventory: the collector was killed: %w", ctx.Err())
	case readErr != nil && !errors.Is(readErr, io.ErrUnexpectedEOF):
		return fmt.Errorf("inventory: read collector: %w", readErr)
	}
	err := errors.Join(waitErr, readErr)
	if said := strings.TrimSpace(string(p.stderr.data)); said != "" {
		return fmt.Errorf("inventory: the collector ended: %w; it said: %s", err, said)
	}
	return fmt.Errorf("inventory: the collector ended: %w", err)
}

// abandon leaves a child that cannot be killed to itself.
func (p *process) abandon() {
	close(p.gone)
	_ = p.out.Close() // only read
}

// systemVariables are what programs and the APIs of Windows need, in upper case.
var systemVariables = map[string]bool{
	"PATH": true, "HOME": true, "USER": true, "LOGNAME": true, "LANG": true, "LC_ALL": true, "TZ": true, "TMPDIR": true, "LD_LIBRARY_PATH": true,
	"SYSTEMROOT": true, "SYSTEMDRIVE": true, "WINDIR": true, "COMSPEC": true, "PATHEXT": true, "TEMP": true, "TMP": true, "OS": true,
	"PROGRAMDATA": true, "ALLUSERSPROFILE": true, "PROGRAMFILES": true, "PROGRAMFILES(X86)": true, "PROGRAMW6432": true,
	"COMMONPROGRAMFILES": true, "COMMONPROGRAMFILES(X86)": true, "COMMONPROGRAMW6432": true, "COMPUTERNAME": true, "USERPROFILE": true,
	"USERNAME": true, "USERDOMAIN": true, "APPDATA": true, "LOCALAPPDATA": true, "PUBLIC": true, "NUMBER_OF_PROCESSORS": true,
	"PROCESSOR_ARCHITECTURE": true, "GOCOVERDIR": true, "GORACE": true, "GODEBUG": true, "GOTRACEBACK": true,
}

func (i *Isolated) environ(sections []string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); systemVariables[strings.ToUpper(name)] {
			env = append(env, entry)
		}
	}
	return append(append(env, i.Env...),
		envTimeout+"="+i.timeout().String(),
		envMemory+"="+strconv.FormatInt(or(i.MaxMemory, DefaultMaxMemory), 10),
		envSections+"="+strings.Join(sections, ","),
	)
}

// head keeps the beginning of what is written: that is where a crash names its
// reason.
type head struct {
	data  []byte
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.data = append(h.data, p[:min(len(p), h.limit-len(h.data))]...)
	return len(p), nil
}
