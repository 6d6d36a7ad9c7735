package schedule

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets properties be checked 30 times, unless -rapid.checks says otherwise:
// each time is days of a scheduler.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
