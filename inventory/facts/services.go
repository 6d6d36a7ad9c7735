package facts

// Services are the services or daemons that are registered.
type Services struct {
	Services []Service `json:"services"`
}

// Service is one of them.
type Service struct {
	Name        string `json:"name"` // kanade-agent.service; KanadeAgent
	Display     string `json:"display,omitempty"`
	State       string `json:"state"` // running, stopped, failed, starting, stopping, paused; unknown
	Start       string `json:"start"` // auto, delayed, manual, disabled, static; unknown
	Account     string `json:"account,omitempty"`
	Command     string `json:"command,omitempty"` // without arguments, which may hold secrets
	Description string `json:"description,omitempty"`
	PID         int    `json:"pid,omitempty"`
}
