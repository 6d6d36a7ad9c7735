package update

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// MaxManifest bounds a manifest, in bytes.
	MaxManifest = 8 << 10
	// MaxRelease bounds an executable, in bytes.
	MaxRelease = 512 << 20
	// maxSignatures is enough for a rotation of several keys.
	maxSignatures = 8

	manifestFormat = 1
	// domain keeps a signature from meaning anything else.
	domain = "kanade release manifest 1\n"
)

var (
	// ErrManifest says that a manifest cannot be read.
	ErrManifest = errors.New("update: manifest cannot be read")
	// ErrUnsigned says that no trusted key has signed.
	ErrUnsigned = errors.New("update: no trusted key has signed this release")
	// ErrSignature says that a signature by a trusted key is wrong.
	ErrSignature = errors.New("update: the signature is wrong")
	// ErrOtherRelease says that a manifest is about something else.
	ErrOtherRelease = errors.New("update: the manifest is about another release")
)

// Release is what a signature is about.
type Release struct {
	Name    string `json:"name"` // of the program
	Version string `json:"version"`
	OS      string `json:"os"`   // windows, linux, macos
	Arch    string `json:"arch"` // x86_64, aarch64
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	// MinimumVersion is the oldest version that a host may go back to once it has
	// run this release; empty: any.
	MinimumVersion string `json:"minimum_version,omitempty"`
}

// Signature is one key's word for a release.
type Signature struct {
	Key       string `json:"key"`       // KeyID
	Signature []byte `json:"signature"` // Ed25519 over Release.Canonical
}

// Manifest is a release with its signatures.
type Manifest struct {
	Format     int         `json:"format"`
	Release    Release     `json:"release"`
	Signatures []Signature `json:"signatures"`
}

// Canonical are the bytes that are signed: a first line that names the form, and a
// line for each field, in this order.
func (r Release) Canonical() []byte {
	var b bytes.Buffer
	b.WriteString(domain)
	for _, line := range [][2]string{
		{"name", r.Name},
		{"version", r.Version},
		{"os", r.OS},
		{"arch", r.Arch},
		{"sha256", r.SHA256},
		{"size", strconv.FormatInt(r.Size, 10)},
		{"minimum_version", r.MinimumVersion},
	} {
		b.WriteString(line[0] + "=" + line[1] + "\n")
	}
	return b.Bytes()
}

// Validate finds the first field that is not as it must be. What passes has no
// character that could end a line of Canonical.
func (r Release) Validate() error {
	for _, f := range []struct {
		field, value string
		empty        bool
	}{
		{"name", r.Name, false}, {"version", r.Version, false}, {"os", r.OS, false}, {"arch", r.Arch, false}, {"minimum_version", r.MinimumVersion, true},
	} {
		if f.empty && f.value == "" {
			continue
		}
		if err := checkToken(f.value); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrManifest, f.field, err)
		}
	}
	if sum, err := hex.DecodeString(r.SHA256); err != nil || len(sum) != sha256.Size || r.SHA256 != strings.ToLower(r.SHA256) {
		return fmt.Errorf("%w: sha256: %.80q is not 64 lower-case hexadecimal digits", ErrManifest, r.SHA256)
	}
	if r.Size < 1 || r.Size > MaxRelease {
		return fmt.Errorf("%w: size: %d is not from 1 to %d", ErrManifest, r.Size, MaxRelease)
	}
	if r.MinimumVersion != "" && compareVersions(r.Version, r.MinimumVersion) < 0 {
		return fmt.Errorf("%w: minimum_version: %s is newer than the release, %s; a host that runs it could take no release between the two", ErrManifest, r.MinimumVersion, r.Version)
	}
	return nil
}

// maxToken bounds names and versions.
const maxToken = 64

var errToken = errors.New("it must have 1 to 64 characters of A-Z a-z 0-9 . + _ - and begin with a letter or digit")

func checkToken(s string) error {
	ok := len(s) > 0 && len(s) <= maxToken && strings.IndexFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune(".+_-", r)
	}) < 0 && isAlphanumeric(rune(s[0]))
	if !ok {
		return fmt.Errorf("%.80q: %w", s, errToken)
	}
	return nil
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// KeyID names a key: the first half of its SHA-256.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// Sign makes a manifest, signed by every key.
func Sign(r Release, keys ...ed25519.PrivateKey) (Manifest, error) {
	if err := r.Validate(); err != nil {
		return Manifest{}, err
	}
	m := Manifest{Format: manifestFormat, Release: r, Signatures: []Signature{}}
	for _, key := range keys {
		public, _ := key.Public().(ed25519.PublicKey)
		m.Signatures = append(m.Signatures, Signature{Key: KeyID(public), Signature: ed25519.Sign(key, r.Canonical())})
	}
	return m, m.checkSignatures()
}

func (m Manifest) checkSignatures() error {
	if n := len(m.Signatures); n < 1 || n > maxSignatures {
		return fmt.Errorf("%w: it has %d signatures, not 1 to %d", ErrManifest, n, maxSignatures)
	}
	for i, s := range m.Signatures {
		if len(s.Signature) != ed25519.SignatureSize {
			return fmt.Errorf("%w: signature %d has %d bytes, not %d", ErrManifest, i+1, len(s.Signature), ed25519.SignatureSize)
		}
		if slices.ContainsFunc(m.Signatures[:i], func(o Signature) bool { return o.Key == s.Key }) {
			return fmt.Errorf("%w: key %.40q has signed twice", ErrManifest, s.Key)
		}
	}
	return nil
}

// Encode is the one form that [DecodeManifest] takes.
func (m Manifest) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("update: encode manifest: %w", err)
	}
	return append(data, '\n'), nil
}

// DecodeManifest reads what Encode writes, byte for byte: a manifest that says a
// thing twice, or says more, is refused. It checks no signature. The error matches
// [ErrManifest].
func DecodeManifest(data []byte) (Manifest, error) {
	if len(data) > MaxManifest {
		return Manifest{}, fmt.Errorf("%w: more than %d bytes", ErrManifest, MaxManifest)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if m.Format != manifestFormat {
		return Manifest{}, fmt.Errorf("%w: format %d; this release reads %d", ErrManifest, m.Format, manifestFormat)
	}
	if err := errors.Join(m.Release.Validate(), m.checkSignatures()); err != nil {
		return Manifest{}, err
	}
	again, err := m.Encode()
	if err != nil || !bytes.Equal(again, data) {
		return Manifest{}, fmt.Errorf("%w: it is not in the form that release sign writes; publish that file unchanged", ErrManifest)
	}
	return m, nil
}
