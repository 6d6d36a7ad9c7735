package wire_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/wire"
)

// A backend writes a command, and knows where its result will come.
func Example() {
	command, err := wire.Command{
		ID: "disk-report", Version: "1.4.0", RequestID: "req-77",
		Shell: "sh", Script: "df -h", TimeoutSecs: 120,
	}.Encode()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("publish on", wire.CommandsPC("LAB-09"))
	fmt.Println(string(command))
	fmt.Println("listen on", wire.ResultSubject("req-77"))
	// Output:
	// publish on commands.pc.LAB-09
	// {"id":"disk-report","version":"1.4.0","request_id":"req-77","exec_id":null,"shell":"sh","script":"df -h","timeout_secs":120,"jitter_secs":null,"run_as":"system","staleness":{"mode":"cached"}}
	// listen on results.req-77
}

// An agent that cannot read a command still learns whom to tell.
func ExampleDecodeCommand() {
	command, err := wire.DecodeCommand([]byte(`{"id":"disk-report","request_id":"req-77","timeout_secs":"5"}`))
	fmt.Println(errors.Is(err, wire.ErrDecode), err)
	if command.RequestID == "" {
		return
	}
	at := time.Date(2031, 3, 4, 5, 0, 0, 0, time.UTC)
	result := wire.Result{
		ResultID: wire.ResultID(command.RequestID, "LAB-09"), RequestID: command.RequestID, PCID: "LAB-09",
		ExitCode: wire.ExitFailed, Stderr: err.Error(), StartedAt: at, FinishedAt: at, ManifestID: command.ID,
	}
	fmt.Println(wire.ResultSubject(result.RequestID), result.Validate())
	// Output:
	// true wire: decode command: field "timeout_secs": expected a whole number from 0 to 18446744073709551615, found a string
	// results.req-77 <nil>
}
