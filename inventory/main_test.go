package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
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
	odd := func(context.Context) (any, error) { return oddly(how) }
	switch how {
	case "mute":
		time.Sleep(time.Hour)
	case "binary":
		fmt.Print(strings.Repeat("\x00\xff\x01", 1000) + "\n")
		return nil
	case "text":
		fmt.Print("starting up\nready\n")
		return nil
	case "half":
		fmt.Print(`{"section":"o`)
		return nil
	case "wrong":
		fmt.Print("{\"section\":\"os\",\"data\":[1]}\n")
		return nil
	}
	limit := time.Minute
	if how == "hangs" {
		limit = 300 * time.Millisecond
	}
	return Serve(context.Background(), os.Stdout, good("a"), good("b"), WithSection("odd", odd), WithTimeout(limit, "odd"),
		func(o *options) {
			if len(o.sections) == 0 {
				o.sections = []string{"a", "b", "odd"}
			}
		})
}

// oddly is a section of which something is wrong.
func oddly(how string) (any, error) {
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
	case "killed":
		p, err := os.FindProcess(os.Getpid())
		if err != nil {
			return nil, err
		}
		time.Sleep(time.Second) // the others are told by then
		return nil, p.Kill()
	case "forks":
		sleeper := exec.Command("sleep", "3600")
		sleeper.Stdout, sleeper.Stderr = os.Stdout, os.Stderr
		if err := sleeper.Start(); err != nil {
			return nil, err
		}
		return "odd", os.WriteFile(os.Getenv("INVENTORY_TEST_FILE"), []byte(strconv.Itoa(sleeper.Process.Pid)), 0o600)
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
