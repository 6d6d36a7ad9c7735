package update

import (
	"crypto/ed25519"
	"fmt"
	"strconv"
	"strings"
)

// Keyring are the public keys that are trusted.
type Keyring []ed25519.PublicKey

// Verify returns nil if at least one of the keys has signed. A signature in the
// name of a trusted key that is wrong is an error even beside a good one.
func (k Keyring) Verify(m Manifest) error {
	good := false
	for _, s := range m.Signatures {
		for _, key := range k {
			if KeyID(key) != s.Key {
				continue
			}
			if !ed25519.Verify(key, m.Release.Canonical(), s.Signature) {
				return fmt.Errorf("%w: key %s", ErrSignature, s.Key)
			}
			good = true
		}
	}
	if !good {
		return fmt.Errorf("%w: it is signed by %s", ErrUnsigned, strings.Join(m.signers(), ", "))
	}
	return nil
}

func (m Manifest) signers() (all []string) {
	for _, s := range m.Signatures {
		all = append(all, fmt.Sprintf("%.40q", s.Key))
	}
	return all
}

// Matches returns [ErrOtherRelease] unless the release is this one.
func (r Release) Matches(want Release) error {
	for _, f := range [][3]string{
		{"name", r.Name, want.Name},
		{"version", r.Version, want.Version},
		{"os", r.OS, want.OS},
		{"arch", r.Arch, want.Arch},
		{"sha256", r.SHA256, want.SHA256},
		{"size", strconv.FormatInt(r.Size, 10), strconv.FormatInt(want.Size, 10)},
	} {
		if f[1] != f[2] {
			return fmt.Errorf("%w: %s is %q, not %q", ErrOtherRelease, f[0], f[1], f[2])
		}
	}
	return nil
}
