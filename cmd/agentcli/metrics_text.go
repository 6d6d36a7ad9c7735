package agentcli

import (
	"strconv"
	"strings"

	"github.com/kanade-go/kanade/agent"
)

// metricsText writes metrics in the text format 0.0.4 of Prometheus.
func metricsText(all []agent.Metric) []byte {
	var text []byte
	last := ""
	for _, m := range all {
		if m.Name != last {
			text = append(text, "# HELP "+m.Name+" "+helpEscapes.Replace(m.Help)+"\n# TYPE "+m.Name+" "+m.Kind+"\n"...)
			last = m.Name
		}
		text = append(text, m.Name...)
		text = appendLabels(text, m.Labels)
		text = append(text, ' ')
		text = strconv.AppendFloat(text, m.Value, 'g', -1, 64)
		text = append(text, '\n')
	}
	return text
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func appendLabels(text []byte, labels []agent.MetricLabel) []byte {
	for i, l := range labels {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		text = append(text, before)
		text = append(text, l.Name+`="`+labelEscapes.Replace(strings.ToValidUTF8(l.Value, "\uFFFD"))+`"`...)
	}
	if len(labels) > 0 {
		text = append(text, '}')
	}
	return text
}
