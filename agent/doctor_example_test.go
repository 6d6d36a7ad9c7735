package agent_test

import (
	"context"
	"fmt"

	"github.com/kanade-go/kanade/agent"
)

func ExampleDiagnose() {
	cfg := agent.Config{ID: "pc-1", StateDir: "state"} // not an absolute path, and no server
	for f := range agent.Diagnose(context.Background(), cfg) {
		fmt.Println(f.Level, f.Check)
	}
	// Output: fail configuration
}
