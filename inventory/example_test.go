package inventory_test

import (
	"context"
	"fmt"
	"os"

	"github.com/kanade-go/kanade/inventory"
	"github.com/kanade-go/kanade/inventory/facts"
)

func Example() {
	collector := inventory.NewLocal(
		inventory.WithSections("racks"),
		inventory.WithSection("racks", func(context.Context) (any, error) { return 7, nil }),
	)
	host, err := collector.Collect(context.Background())
	if err != nil {
		fmt.Println(err) // what is missing, by section; host has the rest
	}
	fmt.Println(host.Section("racks"))
	// Output: 7
}

func ExampleNewIsolated() {
	if len(os.Args) == 2 && os.Args[1] == "collect-inventory" { // in main, first of all
		if err := inventory.Serve(context.Background(), os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	collector := inventory.NewIsolated(os.Args[0], "collect-inventory")
	var _ inventory.Collector = collector.Only(facts.SectionOS, facts.SectionHardware)
}
