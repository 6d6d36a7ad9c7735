package update

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ErrKey says that a key cannot be read.
var ErrKey = errors.New("update: key cannot be read")

// MaxKey bounds the file of a key, in bytes.
const MaxKey = 4 << 10

const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// NewKey makes a pair of keys, as PEM (PKCS #8 and PKIX, which openssl pkey reads).
func NewKey() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("update: make key: %w", err)
	}
	rawPrivate, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, fmt.Errorf("update: encode key: %w", err)
	}
	rawPublic, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, nil, fmt.Errorf("update: encode key: %w", err)
	}
	return encodePEM(privateBlock, rawPrivate), encodePEM(publicBlock, rawPublic), nil
}

func encodePEM(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}

// PrivateKey reads what NewKey made. The error matches [ErrKey] and says nothing of
// the content.
func PrivateKey(data []byte) (ed25519.PrivateKey, error) {
	raw, err := decodePEM(privateBlock, data)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(raw)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: it is no Ed25519 key in PKCS #8", ErrKey)
	}
	return key, nil
}

// PublicKey reads what NewKey made. The error matches [ErrKey].
func PublicKey(data []byte) (ed25519.PublicKey, error) {
	raw, err := decodePEM(publicBlock, data)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(raw)
	key, ok := parsed.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: it is no Ed25519 key", ErrKey)
	}
	return key, nil
}

func decodePEM(kind string, data []byte) ([]byte, error) {
	if len(data) > MaxKey {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrKey, MaxKey)
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, fmt.Errorf("%w: it is not PEM", ErrKey)
	case block.Type != kind:
		return nil, fmt.Errorf("%w: it holds a %.40q, not a %q", ErrKey, block.Type, kind)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("%w: something follows the first key; each key has a file of its own", ErrKey)
	}
	return block.Bytes, nil
}
