package inventory

func systemProbes(o options) map[string]probe { _ = o; return map[string]probe{} }
