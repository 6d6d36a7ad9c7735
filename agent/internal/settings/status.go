package settings

import "time"

// Status is a summary of the settings.
type Status struct {
	// Buckets in the order agent_groups, agent_config, script_current,
	// script_status.
	Buckets []BucketStatus
	// Scopes are the revisions of the scopes in force, by their keys: "global",
	// "groups.<name>", "pcs.<pc_id>". A scope without a row is absent.
	Scopes map[string]uint64
	// Groups is nil as long as they are not known.
	Groups []string
}

// BucketStatus is what is known of one bucket.
type BucketStatus struct {
	Bucket string
	// Known: by this run or an earlier one.
	Known bool
	// Read: by this run.
	Read bool
	// Stale is since when the broker may know better; the zero time: the view is
	// fresh. With Known and without Read it is when the snapshot was written.
	Stale time.Time
	// Missing is since when the broker says that it has no such bucket, which is as
	// it should be where nobody uses it. The zero time: it is there, or nobody knows.
	Missing time.Time
	// Unreadable is why the bucket cannot be read although it may be there, as long
	// as that lasts; else empty.
	Unreadable string
	// Problems are what somebody has to mend, each told once: a refused subject, a
	// bucket that holds too much, a snapshot that cannot be read or written.
	Problems []string
	// Severe are those of Problems because of which the bucket does not count as it
	// should: it holds too much, or revocations that are gone could not be kept.
	Severe []string
	// Rows that are in force, and the highest of their revisions.
	Rows     int
	Revision uint64
	// Kept rows are gone from the bucket without having been deleted.
	Kept int
	// Bad are keys whose newest value cannot be used, 16 of them at most.
	Bad []string
	// Unsaved: the snapshot is to be written.
	Unsaved bool
}

// Status may be called at any time.
func (s *Service) Status() Status {
	var st Status
	for _, m := range s.mirrors() {
		st.Buckets = append(st.Buckets, m.status())
	}
	st.Groups, _ = s.Groups()
	rows, _ := s.config.values(scopeKeys(s.pcID, st.Groups)...)
	st.Scopes = make(map[string]uint64, len(rows))
	for key, r := range rows {
		st.Scopes[key] = r.Revision
	}
	return st
}

// StatusChanged is closed when Status may answer otherwise. Ask for it first.
func (s *Service) StatusChanged() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statusChanged
}

func (s *Service) noteStatus() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statusChanged = renew(s.statusChanged)
}
