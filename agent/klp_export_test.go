package agent

// ServesKLP says whether local clients would be served.
func ServesKLP(a *Agent) bool { return len(a.klpTasks(nil)) > 0 }
