package scripts

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseDigest(t *testing.T) {
	t.Parallel()
	hello := sha256.Sum256([]byte("hello world"))
	const helloHex = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
	urlSafe := make([]byte, 32) // with - and _ in its base64
	for i := range urlSafe {
		urlSafe[i] = 0xfb + byte(i%5)
	}
	copy(urlSafe, []byte{0x00, 0x0a, 0xff})
	good := map[string]string{
		"SHA-256=" + base64.URLEncoding.EncodeToString(hello[:]):         helloHex,
		"SHA-256=" + base64.RawURLEncoding.EncodeToString(hello[:]):      helloHex,
		"SHA-256=" + base64.URLEncoding.EncodeToString(urlSafe):          "000aff" + hex.EncodeToString(urlSafe[3:]),
		"SHA-256=" + base64.RawURLEncoding.EncodeToString(urlSafe):       "000aff" + hex.EncodeToString(urlSafe[3:]),
		"SHA-256=" + strings.Repeat("A", 43):                             strings.Repeat("0", 64),
		"SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=":           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"SHA-256=" + base64.URLEncoding.EncodeToString(make([]byte, 32)): strings.Repeat("0", 64),
	}
	for in, want := range good {
		got, err := ParseDigest(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for what, in := range map[string]string{
		"nothing":          "",
		"no prefix":        base64.URLEncoding.EncodeToString(hello[:]),
		"another hash":     "MD5=" + base64.URLEncoding.EncodeToString(hello[:]),
		"other case":       "sha-256=" + base64.URLEncoding.EncodeToString(hello[:]),
		"hex":              "SHA-256=" + helloHex,
		"standard base64":  "SHA-256=" + base64.StdEncoding.EncodeToString(urlSafe),
		"too short":        "SHA-256=" + base64.URLEncoding.EncodeToString(hello[:31]),
		"too long":         "SHA-256=" + base64.URLEncoding.EncodeToString(append(hello[:], 1)),
		"half padded":      "SHA-256=" + base64.URLEncoding.EncodeToString(hello[:]) + "=",
		"loose bits":       "SHA-256=" + strings.Repeat("A", 42) + "B",
		"a line break":     "SHA-256=" + strings.Repeat("A", 20) + "\n" + strings.Repeat("A", 23),
		"nothing after it": "SHA-256=",
	} {
		_, err := ParseDigest(in)
		require.Error(t, err, what)
	}
}

func TestIsDigest(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("0123456789abcdef", 4)
	require.True(t, isDigest(good))
	for _, bad := range []string{
		"", good[1:], good + "0", strings.ToUpper(good), "../" + good[3:], good[:63] + "g", good[:63] + "/", good[:62] + "é",
		good[:63] + "\x00", good[:60] + ".tmp",
	} {
		require.False(t, isDigest(bad), bad)
	}
}

// What is read is a digest, and the description that it stands for is read as the same one.
func FuzzParseDigest(f *testing.F) {
	f.Add("SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=")
	f.Add("SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
	f.Add("SHA-256=")
	f.Add("SHA-256=\r\n=")
	f.Fuzz(func(t *testing.T, s string) {
		digest, err := ParseDigest(s)
		if err != nil {
			require.Empty(t, digest)
			return
		}
		require.True(t, isDigest(digest))
		sum, err := hex.DecodeString(digest)
		require.NoError(t, err)
		padded := digestPrefix + base64.URLEncoding.EncodeToString(sum)
		require.Equal(t, strings.TrimRight(padded, "="), strings.TrimRight(s, "="))
		again, err := ParseDigest(padded)
		require.NoError(t, err)
		require.Equal(t, digest, again)
	})
}

func encoded(name string) string { return base64.URLEncoding.EncodeToString([]byte(name)) }
