package cron_test

import (
	"fmt"
	"time"

	"github.com/kanade-go/kanade/agent/internal/schedule/cron"
)

func Example() {
	friday13th, err := cron.Parse("0 0 12 13 * FRI")
	if err != nil {
		fmt.Println(err)
		return
	}
	next, ok := friday13th.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(next.Format(time.RFC3339), ok)
	_, err = cron.Parse("*/5 * * * *")
	fmt.Println(err)
	// Output:
	// 2026-02-13T12:00:00Z true
	// cron: syntax: "*/5 * * * *": 5 fields; expected 6 (second minute hour day month weekday) or 7 (and the year)
}
