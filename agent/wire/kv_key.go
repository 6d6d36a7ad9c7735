package wire

import "fmt"

// KeySafe says why name, a job id, pc_id or group, cannot stand in the key of a
// bucket as it is; nil when it can. Keys have only A-Z, a-z, 0-9, and - / _ = .,
// no dot at either end and no two in a row, and 512 bytes here. What is not safe
// cannot have a row in any bucket. The error matches [ErrInvalid].
func KeySafe(name string) error {
	if err := checkTokens(name, maxNameBytes); err != nil {
		return invalid("key", err)
	}
	for i := range len(name) {
		if !keyChar[name[i]] {
			return invalid("key", fmt.Errorf("byte %d (0x%02x) cannot be in a key", i, name[i]))
		}
	}
	return nil
}

// keyChar marks the bytes that a key may have.
var keyChar = func() (table [256]bool) {
	for c := range table {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			table[c] = true
		}
	}
	for _, c := range "-/_=." {
		table[c] = true
	}
	return table
}()

// The keys of the bucket agent_config.
const (
	// ConfigKeyGlobal is the key of the settings for every host.
	ConfigKeyGlobal   = "global"
	configGroupPrefix = "groups."
	configPCPrefix    = "pcs."
)

// ConfigKeyGroup is the key of the settings for the members of a group, which
// must be [KeySafe].
func ConfigKeyGroup(group string) string { return configGroupPrefix + group }

// ConfigKeyPC is the key of the settings for one host, whose id must be
// [KeySafe].
func ConfigKeyPC(pcID string) string { return configPCPrefix + pcID }

// BucketStream is the name of the stream that holds a bucket.
func BucketStream(bucket string) string { return "KV_" + bucket }

// BucketSubject is where the values of a key, which must be [KeySafe], are in
// that stream.
func BucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }
