package klp

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEndpoint); path != "" {
		os.Exit(serveUntilKilled(path))
	}
	goleak.VerifyTestMain(m)
}
