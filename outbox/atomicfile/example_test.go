package atomicfile_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "atomicfile")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "state.json")
	if err := atomicfile.WriteFile(atomicfile.OS, name, []byte(`{"ready":true}`), 0o600); err != nil {
		log.Fatal(err)
	}
	data, err := os.ReadFile(name)
	fmt.Println(string(data), err)
	// Output: {"ready":true} <nil>
}
