package settings

import (
	"slices"

	"github.com/kanade-go/kanade/agent/wire"
)

// Current returns the settings of the host; the defaults as long as nothing else
// is known.
func (s *Service) Current() wire.EffectiveConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Changed is closed when Current may answer otherwise. Ask for it first.
func (s *Service) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Groups returns the groups of the host, each once and in ascending byte order,
// and a channel that is closed when another call may answer otherwise. All names
// are safe in a subject. Nil means that they were never known; an empty slice that
// there are none. The slice must not be changed.
func (s *Service) Groups() (groups []string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members, s.membersChanged
}

// configKeys are the scopes of the host.
func (s *Service) configKeys() ([]string, <-chan struct{}) {
	groups, changed := s.Groups()
	return scopeKeys(s.pcID, groups), changed
}

func scopeKeys(pcID string, groups []string) []string {
	keys := []string{wire.ConfigKeyGlobal}
	for _, g := range groups {
		if key := wire.ConfigKeyGroup(g); wire.KeySafe(key) == nil {
			keys = append(keys, key)
		}
	}
	if key := wire.ConfigKeyPC(pcID); wire.KeySafe(key) == nil {
		keys = append(keys, key)
	}
	return keys
}

// merge brings the groups and the settings up to the rows in force.
func (s *Service) merge() {
	s.merging <- struct{}{}
	defer func() { <-s.merging }()
	members, badGroups := s.membersInForce()
	config, badScopes := s.configInForce(members)
	s.publish(members, config)
	s.told.report("groups", badGroups)
	s.told.report("settings", badScopes)
}

// publish tells who waits for a change, if there is one.
func (s *Service) publish(members []string, config wire.EffectiveConfig) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (members == nil) != (s.members == nil) || !slices.Equal(members, s.members) {
		s.members = members
		s.membersChanged = renew(s.membersChanged)
	}
	if config != s.current {
		s.current = config
		s.changed = renew(s.changed)
	}
}

func renew(changed chan struct{}) chan struct{} {
	close(changed)
	return make(chan struct{})
}

// membersInForce returns nil as long as nothing is known.
func (s *Service) membersInForce() ([]string, []notice) {
	rows, known := s.groups.values(s.pcID)
	if !known {
		return nil, nil
	}
	r, there := rows[s.pcID]
	if !there {
		return []string{}, nil
	}
	g, err := wire.DecodeAgentGroups([]byte(r.Value))
	members, invalid := []string{}, err
	if err == nil {
		members, invalid = g.Members()
	}
	if invalid == nil {
		return members, nil
	}
	return members, []notice{{bucket: s.groups.bucket, key: s.pcID, revision: r.Revision, text: invalid.Error()}}
}

func (s *Service) configInForce(members []string) (wire.EffectiveConfig, []notice) {
	rows, _ := s.config.values(scopeKeys(s.pcID, members)...)
	scope := func(key string) wire.ConfigScope {
		c, err := wire.DecodeConfigScope([]byte(rows[key].Value))
		if err != nil {
			return wire.ConfigScope{} // there is no row: rows are decoded before they are in force
		}
		return c
	}
	groups := make([]wire.GroupScope, 0, len(members))
	for _, g := range members {
		groups = append(groups, wire.GroupScope{Group: g, ConfigScope: scope(wire.ConfigKeyGroup(g))})
	}
	pcKey := wire.ConfigKeyPC(s.pcID)
	config, problems := wire.MergeConfig(scope(wire.ConfigKeyGlobal), groups, pcKey, scope(pcKey))
	notices := make([]notice, 0, len(problems))
	for _, p := range problems {
		notices = append(notices, notice{bucket: s.config.bucket, key: p.Key, revision: rows[p.Key].Revision, text: p.Field + ": " + p.Text})
	}
	return config, notices
}
