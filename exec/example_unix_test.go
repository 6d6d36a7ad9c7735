//go:build unix

package exec_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kanade-go/kanade/exec"
)

func Example() {
	local := exec.NewLocal()
	out, err := local.Run(context.Background(), exec.Spec{
		Shell:   exec.Sh,
		Script:  `echo "hello $1"; exit 3`,
		Args:    []string{"world"},
		Timeout: time.Minute,
	})
	switch {
	case errors.Is(err, exec.ErrShellNotFound):
		fmt.Println("this host has no sh")
	case err != nil:
		fmt.Println("not started:", err)
	default:
		fmt.Printf("%s %d %s", out.End, out.Code, out.Stdout)
	}
	// Output: exited 3 hello world
}
