//go:build unix

package klp

import (
	"os"
	"strconv"
	"testing"
)

func ownSession(testing.TB) uint32 { return uint32(os.Geteuid()) }

func ownName(testing.TB) string { return userName(strconv.Itoa(os.Geteuid())) }
