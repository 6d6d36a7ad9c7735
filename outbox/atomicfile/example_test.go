package atomicfile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "atomicfile")
	if err != nil {
		fmt.Println(err)
		return
	}
	name := filepath.Join(dir, "state.json")
	err = atomicfile.WriteFile(atomicfile.OS, name, []byte(`{"ready":true}`), 0o600)
	fmt.Println(err)
	data, err := os.ReadFile(name)
	fmt.Println(string(data), err)
	fmt.Println(os.RemoveAll(dir))
	// Output:
	// <nil>
	// {"ready":true} <nil>
	// <nil>
}
