package agentcli

// place is one of the places that settings come from.
type place struct {
	origin  func(setting) string
	problem func(setting, error) problem
	value   func(setting) []string
}

func (l *loader) fromFlags() place {
	return place{
		origin: func(s setting) string { return "flag --" + s.flag },
		problem: func(s setting, err error) problem {
			return problem{Text: "--" + s.flag + ": " + plain(err), cause: err}
		},
		value: func(s setting) []string { return l.flags.get(s.flag) },
	}
}

func (l *loader) fromEnv() place {
	return place{
		origin:  func(s setting) string { return "variable " + s.env },
		problem: func(s setting, err error) problem { return problem{Text: s.env + ": " + plain(err), cause: err} },
		value:   func(s setting) []string { return nonEmpty(l.env(s.env)) },
	}
}

func (l *loader) fromFile() place {
	return place{
		origin: func(s setting) string { return l.file.origin(s.keys()...) },
		problem: func(s setting, err error) problem {
			p := l.file.problem(s.key, s.key+": "+plain(err))
			p.cause = err
			return p
		},
		value: func(s setting) (values []string) {
			if l.file == nil {
				return nil
			}
			for _, key := range s.keys() {
				values = append(values, l.file.get(key)...)
			}
			return values
		},
	}
}

// env takes an empty variable for one that is not set.
func (l *loader) env(name string) string {
	if name == "" {
		return ""
	}
	value, _ := l.lookupEnv(name)
	return value
}

func (l *loader) given(flag, env string) bool {
	return len(l.flags.get(flag)) > 0 || l.env(env) != ""
}
