package settings

import (
	"log/slog"
	"strconv"
	"sync"
)

// maxNamed is how many rows of one kind are named at a time.
const maxNamed = 16

// notice is something that somebody has to mend.
type notice struct {
	bucket   string
	key      string
	revision uint64
	text     string
}

// notices tells each of them once, for as long as it lasts.
type notices struct {
	log     *slog.Logger
	observe func(kind string, payload map[string]string)

	mu   sync.Mutex
	said map[string]map[notice]bool // by what reports them
}

// report is given all that is wrong now, and tells what is new. What is mended and
// breaks again is told again.
func (n *notices) report(from string, all []notice) {
	news, more := n.sift(from, all)
	for _, x := range news {
		n.tell(x)
	}
	if more > 0 {
		n.log.Warn("more settings from the broker are not used as they are", "from", from, "problems", more)
	}
}

// tell names the row, or only the bucket.
func (n *notices) tell(x notice) {
	if x.key == "" {
		n.log.Warn("a bucket of the broker is not followed as it should be", "bucket", x.bucket, "problem", x.text)
		n.observe(ObservationKind, map[string]string{"bucket": x.bucket, "problem": x.text})
		return
	}
	n.log.Warn("a setting from the broker is not used as it is", "bucket", x.bucket, "key", x.key, "revision", x.revision, "problem", x.text)
	n.observe(ObservationKind, map[string]string{
		"bucket": x.bucket, "key": x.key, "revision": strconv.FormatUint(x.revision, 10), "problem": x.text,
	})
}

func (n *notices) sift(from string, all []notice) (news []notice, more int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, now := n.said[from], make(map[notice]bool, len(all))
	for _, x := range all {
		if !before[x] && !now[x] {
			if len(news) < maxNamed {
				news = append(news, x)
			} else {
				more++
			}
		}
		now[x] = true
	}
	n.said[from] = now
	return news, more
}

// warn tells something that happens once.
func (n *notices) warn(text, bucket string, err error) {
	n.log.Warn(text, "bucket", bucket, "error", err)
	n.observe(ObservationKind, map[string]string{"bucket": bucket, "problem": err.Error()})
}
