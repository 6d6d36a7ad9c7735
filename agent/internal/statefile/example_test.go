package statefile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kanade-go/kanade/agent/internal/statefile"
	"github.com/kanade-go/kanade/outbox/atomicfile"
)

func Example() {
	dir, err := os.MkdirTemp("", "statefile")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	file := statefile.File{FS: atomicfile.OS, Path: filepath.Join(dir, "marks.json"), PCID: "PC-1"}
	if err := file.Save(map[string]int{"nightly": 3}); err != nil {
		fmt.Println("marks: write:", err)
		return
	}
	var marks map[string]int
	found, err := file.Load(&marks, nil)
	fmt.Println(found, err, marks["nightly"])

	file.PCID = "PC-2"
	_, err = file.Load(&marks, nil)
	fmt.Println("marks: file", err, errors.Is(err, statefile.ErrForeign))
	_, err = os.Stat(file.Path + statefile.BrokenSuffix)
	fmt.Println(err)
	// Output:
	// true <nil> 3
	// marks: file belongs to another host: "PC-1" true
	// <nil>
}
