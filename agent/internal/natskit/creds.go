package natskit

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nkeys"
)

// creds are what is in a .creds file.
type creds struct {
	jwt string
	key nkeys.KeyPair
}

// readCreds takes a file with both of its parts only. nats.go would log in as nobody
// with an empty file, which a broker may allow (no_auth_user), and sends a file that
// is a seed alone to the broker, in the place of a JWT.
func readCreds(ctx context.Context, file string) (creds, error) {
	text, err := secret(ctx, "", file)
	if err != nil {
		return creds{}, wrap("creds file", err)
	}
	jwt, err := nkeys.ParseDecoratedJWT([]byte(text))
	if err != nil || !isJWT(jwt) {
		return creds{}, fmt.Errorf("creds file: %s: there is no user JWT in it, or it is not written to its end", file)
	}
	key, err := nkeys.ParseDecoratedUserNKey([]byte(text))
	if err != nil {
		return creds{}, fmt.Errorf("creds file: %s: there is no user seed in it, or it is not written to its end: %w", file, err)
	}
	return creds{jwt: jwt, key: key}, nil
}

// isJWT: three parts in the alphabet of base64url, of which an object's begins with
// eyJ.
func isJWT(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2 &&
		strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == ""
}
