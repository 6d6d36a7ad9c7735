package logtest_test

import (
	"fmt"
	"log/slog"

	"github.com/kanade-go/kanade/internal/logtest"
)

func Example() {
	var log logtest.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("left groups", "groups", "canary")
	fmt.Println(log.Count("left groups"))
	// Output: 1
}
