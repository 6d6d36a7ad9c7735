package update

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func testKey(fill byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey {
	p, _ := k.Public().(ed25519.PublicKey)
	return p
}

func someRelease() Release {
	return Release{
		Name: "kanade-agent", Version: "1.4.0", OS: "linux", Arch: "x86_64",
		SHA256: strings.Repeat("0f", 32), Size: 12345678, MinimumVersion: "1.2.0",
	}
}

// What was signed once must verify for ever, so the bytes are golden.
func TestManifestGolden(t *testing.T) {
	t.Parallel()
	m, err := Sign(someRelease(), testKey(1), testKey(2))
	require.NoError(t, err)
	data, err := m.Encode()
	require.NoError(t, err)
	golden, err := os.ReadFile(filepath.Join("testdata", "manifest.json"))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(filepath.Join("testdata", "manifest.json"), data, 0o644))
		golden, err = data, nil
	}
	require.NoError(t, err)
	require.Equal(t, string(golden), string(data))
	require.Equal(t, "kanade release manifest 1\nname=kanade-agent\nversion=1.4.0\nos=linux\narch=x86_64\nsha256="+
		strings.Repeat("0f", 32)+"\nsize=12345678\nminimum_version=1.2.0\n", string(someRelease().Canonical()))
	read, err := DecodeManifest(golden)
	require.NoError(t, err)
	require.Equal(t, m, read)
}

func TestWhoSigned(t *testing.T) {
	t.Parallel()
	first, second, stranger := testKey(1), testKey(2), testKey(3)
	m, err := Sign(someRelease(), first, second)
	require.NoError(t, err)
	require.NoError(t, Keyring{public(first)}.Verify(m), "before a rotation")
	require.NoError(t, Keyring{public(second)}.Verify(m), "after it")
	require.NoError(t, Keyring{public(stranger), public(second)}.Verify(m))
	require.ErrorIs(t, Keyring{public(stranger)}.Verify(m), ErrUnsigned)
	require.ErrorIs(t, Keyring{}.Verify(m), ErrUnsigned)

	for name, change := range map[string]func(*Release){
		"name": func(r *Release) { r.Name += "x" }, "version": func(r *Release) { r.Version = "1.4.1" },
		"os": func(r *Release) { r.OS = "macos" }, "arch": func(r *Release) { r.Arch = "aarch64" },
		"sha256": func(r *Release) { r.SHA256 = strings.Repeat("1f", 32) }, "size": func(r *Release) { r.Size++ },
		"minimum_version": func(r *Release) { r.MinimumVersion = "" },
	} {
		changed := m
		change(&changed.Release)
		require.ErrorIs(t, Keyring{public(first)}.Verify(changed), ErrSignature, name)
	}

	forged := m
	forged.Signatures = []Signature{m.Signatures[0], {Key: m.Signatures[1].Key, Signature: m.Signatures[0].Signature}}
	require.ErrorIs(t, Keyring{public(first), public(second)}.Verify(forged), ErrSignature, "a wrong one beside a good one")
}

func TestReleasesThatAreNotSigned(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Release){
		"name":         func(r *Release) { r.Name = "a\nb" },
		"no version":   func(r *Release) { r.Version = "" },
		"path":         func(r *Release) { r.Version = "../1" },
		"os":           func(r *Release) { r.OS = "linux os=windows" },
		"long":         func(r *Release) { r.Arch = strings.Repeat("a", 65) },
		"digest":       func(r *Release) { r.SHA256 = strings.ToUpper(r.SHA256) },
		"short digest": func(r *Release) { r.SHA256 = "0f" },
		"empty":        func(r *Release) { r.Size = 0 },
		"huge":         func(r *Release) { r.Size = MaxRelease + 1 },
		"minimum":      func(r *Release) { r.MinimumVersion = "=" },
	} {
		r := someRelease()
		change(&r)
		_, err := Sign(r, testKey(1))
		require.ErrorIs(t, err, ErrManifest, name)
	}
	_, err := Sign(someRelease())
	require.ErrorIs(t, err, ErrManifest, "no key")
	_, err = Sign(someRelease(), testKey(1), testKey(1))
	require.ErrorIs(t, err, ErrManifest, "twice")
}

// A manifest has one form: what two readers could read in two ways is refused.
func TestManifestsThatAreRefused(t *testing.T) {
	t.Parallel()
	m, err := Sign(someRelease(), testKey(1))
	require.NoError(t, err)
	data, err := m.Encode()
	require.NoError(t, err)
	good := string(data)
	for name, text := range map[string]string{
		"empty":         "",
		"null":          "null",
		"trailing":      good + " ",
		"cut":           good[:len(good)-3],
		"twice":         strings.Replace(good, `"version": "1.4.0",`, "\"version\": \"1.3.0\",\n    \"version\": \"1.4.0\",", 1),
		"other case":    strings.Replace(good, `"version"`, `"Version"`, 1),
		"unknown key":   strings.Replace(good, `"format": 1,`, "\"format\": 1,\n  \"x\": 1,", 1),
		"newer":         strings.Replace(good, `"format": 1`, `"format": 2`, 1),
		"wrong type":    strings.Replace(good, `"size": 12345678`, `"size": "12345678"`, 1),
		"no signatures": good[:strings.Index(good, `"signatures"`)] + "\"signatures\": []\n}\n",
		"short":         strings.Replace(good, m64(m), m64(m)[:20], 1),
		"huge":          good + strings.Repeat(" ", MaxManifest),
	} {
		_, err := DecodeManifest([]byte(text))
		require.ErrorIs(t, err, ErrManifest, name)
	}
}

func m64(m Manifest) string {
	data, _ := m.Encode()
	_, rest, _ := strings.Cut(string(data), `"signature": "`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}

func FuzzDecodeManifest(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "manifest.json"))
	require.NoError(f, err)
	f.Add(golden)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeManifest(data)
		if err != nil {
			require.ErrorIs(t, err, ErrManifest)
			return
		}
		again, err := m.Encode()
		require.NoError(t, err)
		require.Equal(t, data, again)
		require.NoError(t, m.Release.Validate())
		require.Equal(t, 8, bytes.Count(m.Release.Canonical(), []byte("\n")), "a field cannot end a line")
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	private, pub, err := NewKey()
	require.NoError(t, err)
	key, err := PrivateKey(private)
	require.NoError(t, err)
	read, err := PublicKey(pub)
	require.NoError(t, err)
	require.Equal(t, public(key), read)
	require.Len(t, KeyID(read), 32)
	for _, bad := range [][]byte{nil, []byte("x"), pub, bytes.Repeat([]byte("a"), MaxKey+1), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")} {
		_, err := PrivateKey(bad)
		require.ErrorIs(t, err, ErrKey)
	}
	_, err = PublicKey(private)
	require.ErrorIs(t, err, ErrKey)
}
