package natskit

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const dialVariable = "NATSKIT_TEST_DIAL"

// TestMain lets this binary be a process of its own with its own environment,
// which net/http and crypto/x509 read once.
func TestMain(m *testing.M) {
	if server := os.Getenv(dialVariable); server != "" {
		dialAndTell(server)
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(proxyFolder)
		os.Exit(code)
	}))
}

func dialAndTell(server string) {
	nc, err := Dial(Options{Servers: []string{server}, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	if err != nil {
		panic(err)
	}
	for end := time.Now().Add(patience); !nc.IsConnected() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("connected to", ServerName(nc.ConnectedUrl()))
	nc.Close()
}
