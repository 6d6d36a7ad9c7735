package natskit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

func newKey(t *testing.T, kind nkeys.PrefixByte) nkeys.KeyPair {
	key, err := nkeys.CreatePair(kind)
	require.NoError(t, err)
	return key
}

func public(t *testing.T, key nkeys.KeyPair) string {
	text, err := key.PublicKey()
	require.NoError(t, err)
	return text
}

func seed(t *testing.T, key nkeys.KeyPair) string {
	text, err := key.Seed()
	require.NoError(t, err)
	return string(text)
}

// operator signs one account, whose users a broker with config accepts. The
// JWTs are made by hand, to keep their library out of the module.
type operator struct {
	account nkeys.KeyPair
	config  string
}

func newOperator(t *testing.T) *operator {
	op, account := newKey(t, nkeys.PrefixByteOperator), newKey(t, nkeys.PrefixByteAccount)
	limits := map[string]any{
		"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
	}
	operatorJWT := sign(t, op, public(t, op), map[string]any{"type": "operator", "version": 2})
	accountJWT := sign(t, op, public(t, account), map[string]any{"type": "account", "version": 2, "limits": limits})
	return &operator{account: account, config: fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload { %s: %s }",
		operatorJWT, public(t, account), accountJWT)}
}

// userCreds is a .creds file of a new user.
func (o *operator) userCreds(t *testing.T) string {
	user := newKey(t, nkeys.PrefixByteUser)
	jwt := sign(t, o.account, public(t, user), map[string]any{"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1})
	return fmt.Sprintf("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"+
		"-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n", jwt, seed(t, user))
}

func sign(t *testing.T, issuer nkeys.KeyPair, subject string, content map[string]any) string {
	claims := map[string]any{"iss": public(t, issuer), "sub": subject, "name": "test", "iat": 1700000000, "nats": content}
	unsigned, err := json.Marshal(claims)
	require.NoError(t, err)
	sum := sha256.Sum256(unsigned)
	claims["jti"] = hex.EncodeToString(sum[:])
	body, err := json.Marshal(claims)
	require.NoError(t, err)
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ed25519-nkey"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	signature, err := issuer.Sign([]byte(text))
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
