//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package exec

import "golang.org/x/sys/unix"

const canMeasure = false

func (t *tree) usage() usage { return usage{} }

func (t *tree) refused() Limit { return "" }

const lowestNice = 19

// lowerPriority has the group wait for everything else. Children inherit it.
func lowerPriority(group int) error { return unix.Setpriority(unix.PRIO_PGRP, group, lowestNice) }
