package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kanade-go/kanade/agent/internal/natskit"
	"github.com/kanade-go/kanade/agent/internal/update"
	"github.com/kanade-go/kanade/agent/wire"
	"github.com/kanade-go/kanade/retry"
)

// Release is what the signatures of a manifest are about.
type Release = update.Release

// Errors of releases.
var (
	// ErrReleaseManifest says that a manifest cannot be read.
	ErrReleaseManifest = update.ErrManifest
	// ErrReleaseKey says that a key cannot be read.
	ErrReleaseKey = update.ErrKey
	// ErrReleaseUnsigned says that no trusted key has signed.
	ErrReleaseUnsigned = update.ErrUnsigned
	// ErrReleaseSignature says that a signature is wrong.
	ErrReleaseSignature = update.ErrSignature
	// ErrOtherRelease says that a manifest is about another file.
	ErrOtherRelease = update.ErrOtherRelease
	// ErrReleasePublished says that the store has another file under that name, or
	// the same with a manifest that this one has not.
	ErrReleasePublished = errors.New("agent: the store has another release for that version and platform")
)

// MaxReleaseManifest bounds a manifest, and MaxReleaseKey the file of a key, in bytes.
const (
	MaxReleaseManifest = update.MaxManifest
	MaxReleaseKey      = update.MaxKey
)

// NewReleaseKey makes a pair of Ed25519 keys as PEM (PKCS #8 and PKIX).
func NewReleaseKey() (private, public []byte, err error) { return update.NewKey() }

// ReleasePrivateKey reads a private key. The error matches [ErrReleaseKey].
func ReleasePrivateKey(pem []byte) (ed25519.PrivateKey, error) { return update.PrivateKey(pem) }

// ReleasePublicKey reads a public key. The error matches [ErrReleaseKey].
func ReleasePublicKey(pem []byte) (ed25519.PublicKey, error) { return update.PublicKey(pem) }

// ReleaseKeyID names a key in manifests and messages.
func ReleaseKeyID(key ed25519.PublicKey) string { return update.KeyID(key) }

// DescribeRelease fills in what an executable tells of itself, without starting it:
// size, SHA-256, system and processor. Version is what the build has left in the file;
// empty: nothing that can be found.
func DescribeRelease(executable string) (Release, error) {
	f, err := os.Open(executable)
	if err != nil {
		return Release{}, fmt.Errorf("agent: describe release: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	r := Release{}
	if r.OS, r.Arch, err = update.PlatformOf(f); err != nil {
		return r, fmt.Errorf("agent: describe release %s: %w", executable, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return r, fmt.Errorf("agent: describe release: %w", err)
	}
	sum := sha256.New()
	if r.Size, err = io.Copy(sum, f); err != nil {
		return r, fmt.Errorf("agent: describe release: %w", err)
	}
	r.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return r, fmt.Errorf("agent: describe release: %w", err)
	}
	if r.Version, err = update.StampOf(f); err != nil {
		return r, fmt.Errorf("agent: describe release %s: %w", executable, err)
	}
	return r, nil
}

// SignRelease makes the manifest of a release, signed by every key.
func SignRelease(r Release, keys ...ed25519.PrivateKey) (manifest []byte, err error) {
	m, err := update.Sign(r, keys...)
	if err != nil {
		return nil, err
	}
	return m.Encode()
}

// VerifyRelease reads a manifest that at least one of the keys has signed; without
// keys only its form is looked at. Errors: [ErrReleaseManifest],
// [ErrReleaseUnsigned], [ErrReleaseSignature].
func VerifyRelease(manifest []byte, keys ...ed25519.PublicKey) (Release, error) {
	m, err := update.DecodeManifest(manifest)
	if err == nil && len(keys) > 0 {
		err = update.Keyring(keys).Verify(m)
	}
	return m.Release, err
}

// ReleaseUpload is a release on its way to the broker.
type ReleaseUpload struct {
	Executable string
	Release    Release
	Manifest   []byte // empty: it is not signed
	Replace    bool   // another file of that version
}

// PublishRelease puts a release into the object store agent_releases of the broker
// that the configuration names, as <version>-<os>-<arch>, and returns that name. The
// manifest is metadata of the object, so that both change as one. Errors:
// [ErrOtherRelease] if the manifest is about another file, [ErrReleasePublished], and
// those of the connection.
func PublishRelease(ctx context.Context, cfg Config, u ReleaseUpload, opts ...Option) (object string, err error) {
	meta, err := u.meta()
	if err != nil {
		return "", err
	}
	a, err := New(cfg, opts...)
	if err != nil {
		return "", err
	}
	options := a.dialOptions()
	options.Name = "kanade-release/" + cfg.ID
	options.Inbox = "" // an operator is no host
	conn, err := natskit.Dial(options)
	if err != nil {
		return "", fmt.Errorf("agent: publish release: %w", err)
	}
	defer conn.Close()
	if err := awaitConnected(ctx, retry.FromNATS(conn.Conn)); err != nil {
		return "", errors.Join(fmt.Errorf("agent: publish release: connect to the broker: %w", err), conn.LastFailure())
	}
	js, err := jetstream.New(conn.Conn)
	if err != nil {
		return "", fmt.Errorf("agent: publish release: %w", err)
	}
	return meta.Name, u.put(ctx, js, meta)
}

func (u ReleaseUpload) meta() (jetstream.ObjectMeta, error) {
	have, err := DescribeRelease(u.Executable)
	if err != nil {
		return jetstream.ObjectMeta{}, err
	}
	want := u.Release
	have.Name, have.Version = want.Name, want.Version
	meta := jetstream.ObjectMeta{Name: update.ObjectName(want.Version, want.OS, want.Arch)}
	if err := errors.Join(want.Validate(), want.Matches(have)); err != nil {
		return meta, err
	}
	if len(u.Manifest) == 0 {
		return meta, nil
	}
	signed, err := VerifyRelease(u.Manifest)
	if err == nil {
		err = signed.Matches(have)
	}
	meta.Metadata = map[string]string{update.ManifestKey: string(u.Manifest)}
	return meta, err
}

func (u ReleaseUpload) put(ctx context.Context, js jetstream.JetStream, meta jetstream.ObjectMeta) error {
	store, err := js.ObjectStore(ctx, wire.StoreAgentReleases)
	if err != nil {
		return fmt.Errorf("agent: publish release: object store %s (the backend creates it): %w", wire.StoreAgentReleases, err)
	}
	want, err := hex.DecodeString(u.Release.SHA256)
	if err != nil {
		return fmt.Errorf("agent: publish release: %w", err)
	}
	there, err := store.GetInfo(ctx, meta.Name)
	if err == nil && !u.Replace && !sameDigest(there, want) {
		return fmt.Errorf("%w: %s", ErrReleasePublished, meta.Name)
	}
	if err == nil && !u.Replace && there.Metadata[update.ManifestKey] != "" && len(u.Manifest) == 0 {
		return fmt.Errorf("%w: %s is signed there, and would not be any more", ErrReleasePublished, meta.Name)
	}
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("agent: publish release: %w", err)
	}
	f, err := os.Open(u.Executable)
	if err != nil {
		return fmt.Errorf("agent: publish release: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	stored, err := store.Put(ctx, meta, f)
	if err != nil {
		return fmt.Errorf("agent: publish release: %w", err)
	}
	if !sameDigest(stored, want) {
		return fmt.Errorf("agent: publish release: %s changed while it was read; publish it again", u.Executable)
	}
	return nil
}

func sameDigest(info *jetstream.ObjectInfo, want []byte) bool {
	have, err := jetstream.DecodeObjectDigest(info.Digest)
	return err == nil && bytes.Equal(have, want)
}
