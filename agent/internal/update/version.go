package update

import (
	"cmp"
	"strings"
)

// compareVersions orders versions as semver does (build metadata left out). What is
// no number is compared as text, so that every two versions have an order.
func compareVersions(a, b string) int {
	a, b = plainVersion(a), plainVersion(b)
	coreA, preA, isPreA := strings.Cut(a, "-")
	coreB, preB, isPreB := strings.Cut(b, "-")
	if c := compareParts(coreA, coreB, "0"); c != 0 {
		return c
	}
	switch {
	case isPreA && !isPreB:
		return -1
	case isPreB && !isPreA:
		return 1
	}
	return compareParts(preA, preB, "")
}

func plainVersion(v string) string {
	v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "+")
	return v
}

// compareParts compares what dots separate; missing stands for parts that only the
// other one has.
func compareParts(a, b, missing string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if c := comparePart(part(as, i, missing), part(bs, i, missing)); c != 0 {
			return c
		}
	}
	return 0
}

func part(all []string, i int, missing string) string {
	if i < len(all) {
		return all[i]
	}
	return missing
}

func comparePart(a, b string) int {
	na, nb := isNumber(a), isNumber(b)
	switch {
	case na && nb:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if c := cmp.Compare(len(a), len(b)); c != 0 {
			return c
		}
	case na != nb && a != "" && b != "": // numbers come first
		if na {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
