package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childEnv makes the test binary a collector's child, which behaves as it says.
const childEnv = "INVENTORY_TEST_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		if err := serveAs(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// serveAs collects three sections; one of them does what how says.
func serveAs(how string) error {
	good := func(value string) Option {
		return WithSection(value, func(context.Context) (any, error) { return value, nil })
	}
	odd := func(ctx context.Context) (any, error) {
		switch how {
		case "fails":
			return nil, errors.New("no such thing")
		case "panics":
			panic("out of range")
		case "hangs":
			select {}
		case "dies":
			time.Sleep(time.Second) // the others are told by then
			fmt.Fprintln(os.Stderr, "segmentation violation")
			os.Exit(7)
		case "eats":
			var all [][]byte
			for range 64 {
				all = append(all, []byte(strings.Repeat("x", 16<<20)))
			}
			return len(all), nil
		case "talks":
			return strings.Repeat("x", 1<<20), nil
		}
		return "odd", nil
	}
	if how == "mute" {
		time.Sleep(time.Hour)
	}
	return Serve(context.Background(), os.Stdout, good("a"), good("b"), WithSection("odd", odd), WithTimeout(300*time.Millisecond, "odd"),
		func(o *options) {
			if len(o.sections) == 0 {
				o.sections = []string{"a", "b", "odd"}
			}
		})
}
