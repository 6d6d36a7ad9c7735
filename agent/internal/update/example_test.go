package update_test

import (
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/internal/update"
)

// The first thing that a program does, and what it does about it.
func ExampleInstall_CountStart() {
	install, err := update.InstallOf("")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(install.CountStart(time.Now()))
	// Output: <nil>
}
