package doctor_test

import (
	"context"
	"fmt"
	"os"

	"github.com/kanade-go/kanade/agent/internal/doctor"
	"github.com/kanade-go/kanade/agent/internal/natskit"
)

func ExampleCheck() {
	dir, err := os.MkdirTemp("", "doctor")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	options := natskit.Options{} // no server: the broker is not looked at
	for f := range doctor.Check(context.Background(), doctor.Config{PCID: "pc-1", StateDir: dir, Broker: options}) {
		if f.Check == "agent" {
			fmt.Println(f.Level, f.Check+":", f.Text)
		}
	}
	// Output: ok agent: no agent runs in this folder
}
