package selfpipe_test

import (
	"fmt"
	"os"
	"syscall"

	"github.com/kanade-go/kanade/cmd/kanade-agent/internal/selfpipe"
)

func ExampleNotify() {
	signals := make(chan os.Signal, 2)
	stop := selfpipe.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Println("ended by", <-signals)
}
