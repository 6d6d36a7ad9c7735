package outbox_test

import (
	"context"
	"fmt"
	"os"

	"github.com/kanade-go/kanade/outbox"
)

// What waits in a folder that this or another process may have open.
func ExampleInspect() {
	look := func(dir string) error {
		reader, err := outbox.Inspect(dir)
		if err != nil {
			return err
		}
		entries, err := reader.List()
		if err != nil {
			return err
		}
		for _, e := range entries {
			d, err := reader.Detail(e)
			if err != nil {
				return err
			}
			fmt.Println(d.Record.Name, d.Record.Subject, e.Stuck)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		fmt.Println(err)
		return
	}
	box, err := outbox.Open(dir)
	if err == nil {
		err = box.Put(context.Background(), outbox.Record{Name: "order-17", Subject: "orders.new"})
	}
	fmt.Println(err, look(dir), box.Close(), os.RemoveAll(dir))
	// Output:
	// order-17 orders.new false
	// <nil> <nil> <nil> <nil>
}
