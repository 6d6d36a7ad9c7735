package agentcli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kardianos/service"
)

// stopBudget is how long a stop may take in all: what Windows grants a service
// at shutdown, and what an operator will wait for.
const stopBudget = 20 * time.Second

var (
	errStopBudget = errors.New("stopping took longer than its budget; what was left undone is reported at the next start")
	errForced     = errors.New("ended at once by a second signal; scripts that ran are reported as interrupted at the next start")
	errEnded      = errors.New("the agent ended by itself")
)

// runner is what the adapter needs of an agent.
type runner interface {
	Run(ctx context.Context) error
}

// program runs one agent, under a service manager or at a terminal.
type program struct {
	build  func() (runner, error)
	budget time.Duration
	// ended is called when the agent ends by itself. Only a service manager
	// needs it: at a terminal someone waits for done.
	ended func(error)
	// last is called before the process ends without returning.
	last func(error)

	cancel context.CancelFunc
	done   chan struct{} // closed when Run has returned
	err    error         // what it returned; read after done
}

func newProgram(build func() (runner, error)) *program {
	return &program{build: build, budget: stopBudget, ended: func(error) {}, last: func(error) {}, done: make(chan struct{})}
}

// Start returns at once: a service manager has to be answered before a configuration
// is read and a folder opened. An agent that cannot be built has ended by itself.
func (p *program) Start(service.Service) error {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		agent, err := p.build()
		if err != nil {
			agent = unbuilt{err}
		}
		p.run(ctx, agent)
	}()
	return nil
}

// unbuilt is in place of an agent that could not be made.
type unbuilt struct{ err error }

func (u unbuilt) Run(context.Context) error { return u.err }

func (p *program) start(parent context.Context) error {
	agent, err := p.build()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(parent)
	p.cancel = cancel
	go p.run(ctx, agent)
	return nil
}

func (p *program) run(ctx context.Context, agent runner) {
	err := agent.Run(ctx)
	byItself := ctx.Err() == nil
	if byItself && err == nil {
		err = errEnded
	}
	p.err = err
	close(p.done)
	if byItself {
		p.ended(err)
	}
}

// Stop cancels the agent and waits within the budget. Under a service manager
// a stop that was asked for is a stop, whatever is left: an error here would
// count as a failure, and failures are answered with a restart.
func (p *program) Stop(service.Service) error {
	_ = p.stop(nil)
	return nil
}

// stop returns what Run returned, or which limit ended the wait.
func (p *program) stop(again <-chan os.Signal) error {
	p.cancel()
	budget := time.NewTimer(p.budget)
	defer budget.Stop()
	for began := time.Now(); ; {
		select {
		case <-p.done:
			return p.err
		case s := <-again:
			if time.Since(began) >= echo {
				return &exitError{code: ExitForced, err: fmt.Errorf("%v: %w", s, errForced)}
			}
		case <-budget.C:
			return fmt.Errorf("%w (%v)", errStopBudget, p.budget)
		}
	}
}

// echo is within what a second signal is the first one: timeout(1) and some shells
// send it to the process and to its group.
const echo = 500 * time.Millisecond

// atTerminal runs the agent until it ends, ctx ends or a signal comes. The
// first signal stops it in its phases, the second one at once.
func (p *program) atTerminal(ctx context.Context, signals <-chan os.Signal, stopping func(cause string)) error {
	if err := p.start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case s := <-signals:
		stopping(s.String())
	case <-ctx.Done():
		stopping(context.Cause(ctx).Error())
	}
	return p.stop(signals)
}

// underManager hands the process to the service manager until that stops it.
// When the agent ends by itself the process has to end too, with its code:
// the manager would take it for running and never restart it.
func (p *program) underManager(config *service.Config) error {
	manager, err := service.New(p, config)
	if err != nil {
		return err
	}
	p.ended = func(err error) {
		reportTo(manager, err)
		p.last(err)
		os.Exit(ExitCode(err))
	}
	if err := manager.Run(); err != nil {
		reportTo(manager, err)
		return err
	}
	return nil
}

// reportTo leaves the reason where an administrator looks for it: nobody sees
// the standard error of a service.
func reportTo(manager service.Service, err error) {
	log, openErr := manager.SystemLogger(nil)
	if openErr == nil {
		_ = log.Error(oneLine(err)) // the last resort; nowhere else to go
	}
}
