package exec

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/windows"
)

// account is whom a script runs as.
type account struct {
	as    As
	token windows.Token // 0 for AsSystem: this process's own is used, without a copy
}

// become finds the account of s and completes s for it: environment, working directory.
func (l *Local) become(s *Spec) (account, error) {
	a, err := accountOf(s.As)
	if err != nil {
		return account{}, err
	}
	if err := l.complete(s, a); err != nil {
		a.close()
		return account{}, err
	}
	return a, nil
}

func accountOf(as As) (account, error) {
	var token windows.Token
	var err error
	switch as {
	case AsSystem:
	case AsUser:
		token, _, err = userToken(as)
	case AsSystemGUI:
		token, err = guiToken()
	default:
		err = fmt.Errorf("%w: no such account: %d", ErrInvalidSpec, as)
	}
	return account{as: as, token: token}, err
}

func (l *Local) complete(s *Spec, a account) error {
	if a.token != 0 && s.Env == nil {
		env, err := environment(a.token)
		if err != nil {
			return fmt.Errorf("run as %s: %w", a.as, err)
		}
		s.Env = env
	}
	if s.ExpandDir && dirHasExpansions(s.Dir) {
		l.expandDir(s, a)
	}
	if a.as == AsUser && s.Dir != "" {
		// Its drives and permissions are what counts. And it may choose where the path leads, by its own environment:
		// that is not a place for this process to go to in its own name.
		return impersonate(a.token, s.checkDir)
	}
	return s.checkDir()
}

// expandDir leaves a directory that cannot be expanded as it is written, and says so.
func (l *Local) expandDir(s *Spec, a account) {
	dir, err := a.expandDir(s.Dir)
	if err != nil {
		l.opts.logger.Warn("working directory not expanded", "dir", s.Dir, "error", err)
		return
	}
	s.Dir = dir
}

func (a account) expandDir(raw string) (string, error) {
	token := a.token
	if token == 0 {
		own, err := copyOwnToken()
		if err != nil {
			return "", err
		}
		defer func() { _ = own.Close() }()
		token = own
	}
	home, err := token.GetUserProfileDirectory()
	if err != nil && startsAtHome(raw) {
		return "", fmt.Errorf("find the profile: %w", err)
	}
	env, err := environment(token)
	if err != nil {
		return "", err
	}
	return expandDir(raw, home, lookupIn(env))
}

// environment is what a new logon of the account would see: nothing in it comes from this process.
// https://learn.microsoft.com/windows/win32/api/userenv/nf-userenv-createenvironmentblock
func environment(token windows.Token) ([]string, error) {
	env, err := token.Environ(false)
	if err != nil {
		return nil, fmt.Errorf("read the environment of the account: %w", err)
	}
	if env == nil {
		env = []string{} // nil would hand down this process's
	}
	return env, nil
}

// attr hands the token to startTree.
func (a account) attr() *syscall.SysProcAttr {
	if a.token == 0 {
		return nil
	}
	return &syscall.SysProcAttr{Token: syscall.Token(a.token)}
}

// admit lets the account read the staged files in dir, and change nothing.
func (a account) admit(dir string) error {
	if a.as != AsUser || dir == "" {
		return nil
	}
	user, err := a.token.GetTokenUser()
	if err != nil {
		return fmt.Errorf("find the user's identifier: %w", err)
	}
	if err := admitReader(dir, user.User.Sid.String()); err != nil {
		return fmt.Errorf("let the user read the staged script: %w", err)
	}
	return nil
}

func (a account) close() {
	if a.token != 0 {
		_ = a.token.Close()
	}
}
