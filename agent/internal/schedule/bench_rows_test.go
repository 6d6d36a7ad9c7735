package schedule

import (
	"context"
	"maps"
	"slices"
	"testing/synctest"

	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

func (b *bench) watch(ctx context.Context, bucket string, keys retry.Keys, apply func(retry.View), _ ...retry.Option) error {
	b.mu.Lock()
	b.applies[bucket], b.keys[bucket] = apply, keys
	b.mu.Unlock()
	for {
		wanted, changed := keys()
		b.show(bucket, wanted)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (b *bench) show(bucket string, wanted []string) {
	b.mu.Lock()
	apply := b.applies[bucket]
	entries := map[string]retry.Entry{}
	for key, value := range b.buckets[bucket] {
		if slices.Contains(wanted, key) || slices.Contains(wanted, ">") {
			entries[key] = retry.Entry{Value: []byte(value)}
		}
	}
	online := b.online
	b.mu.Unlock()
	if online && apply != nil {
		apply(retry.View{Entries: entries})
	}
}

// put stores a row; an empty one is deleted.
func (b *bench) put(bucket, key, value string) {
	b.mu.Lock()
	rows := maps.Clone(b.buckets[bucket])
	if rows[key] = value; value == "" {
		delete(rows, key)
	}
	b.buckets[bucket] = rows
	keys := b.keys[bucket]
	b.mu.Unlock()
	if keys != nil {
		wanted, _ := keys()
		b.show(bucket, wanted)
		synctest.Wait()
	}
}

func (b *bench) schedule(s wire.Schedule) {
	if s.ID == "" {
		s.ID = "s"
	}
	if s.JobID == "" {
		s.JobID = "j"
	}
	s.RunsOn = wire.RunsOnAgent
	if s.Target.PCIDs == nil && s.Target.Groups == nil {
		s.Target.All = true
	}
	b.put(wire.BucketSchedules, s.ID, string(s.Encode()))
}

func (b *bench) job(m wire.Manifest) {
	if m.ID == "" {
		m.ID = "j"
	}
	if m.Version == "" {
		m.Version = "1"
	}
	if m.Execute.Timeout == "" {
		m.Execute.Timeout = "90s"
	}
	m.Execute.Shell = "powershell"
	if m.Execute.ScriptObject == "" && m.Execute.Script == "" {
		m.Execute.Script = "whoami"
	}
	b.put(wire.BucketJobs, m.ID, string(m.Encode()))
}

func (b *bench) memberships() ([]string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.groups, b.regroup
}

func (b *bench) join(groups ...string) {
	b.mu.Lock()
	b.groups = groups
	close(b.regroup)
	b.regroup = make(chan struct{})
	b.mu.Unlock()
	synctest.Wait()
}

func (b *bench) lookup(jobID string) wire.ScriptState {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.scripts[jobID]
	state.Known = true
	return state
}
