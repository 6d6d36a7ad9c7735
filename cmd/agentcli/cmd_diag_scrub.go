package agentcli

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minSecret: what is shorter is too likely to be a word like any other.
const minSecret = 6

// scrubber takes secrets out of texts that should have none. It is the second line: the
// first is what is collected.
type scrubber struct{ known *strings.Replacer }

// newScrubber knows each secret in the forms that logs and errors write it in.
func newScrubber(secrets []string) *scrubber {
	var forms []string
	for _, s := range secrets {
		if s = strings.TrimSpace(s); len(s) < minSecret {
			continue
		}
		quoted := strconv.Quote(s)
		asJSON, _ := json.Marshal(s) // a string can always be encoded
		forms = append(forms, s, quoted[1:len(quoted)-1], string(asJSON[1:len(asJSON)-1]),
			url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:],
			base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)))
	}
	// A secret that begins with another must not leave its end behind.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, redacted)
	}
	return &scrubber{known: strings.NewReplacer(pairs...)}
}

// privateKey is the only one that goes over several lines.
var privateKey = pattern(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|\z)`)

// looksSecret is what looks like a secret, whoever's it is; what is in groups stays.
// Only lines that have one of the words, in small letters, are looked at: patterns take
// their time.
var looksSecret = []struct {
	words   []string
	pattern func() *regexp.Regexp
	clean   string
}{
	{[]string{"://"}, pattern(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s"'@]*@`), "${1}" + redacted + "@"},
	{[]string{"eyj"}, pattern(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`), redacted}, // JWT
	{[]string{"s"}, pattern(`S[UANOCX][A-Z2-7]{40,}`), redacted},                                    // NKey seed
	{[]string{"bearer", "basic"}, pattern(`(?i)\b(Bearer|Basic)\s+[A-Za-z0-9+/=_.~-]{6,}`), "${1} " + redacted},
	{
		[]string{"token", "passw", "passphrase", "secret", "api", "credential", "authorization"},
		pattern(`(?i)((?:token|passw(?:or)?d|passphrase|secret|api[_-]?key|credential|authorization)[a-z_]*\\?["']?\s*[=:]\s*)(\\"[^"\\]*\\"|\\?"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&"'}]+|["'][^"']*)`),
		"${1}" + redacted,
	},
}

func (s *scrubber) text(text string) string {
	text = s.known.Replace(text)
	if strings.Contains(text, "PRIVATE KEY") {
		text = privateKey().ReplaceAllString(text, redacted)
	}
	var clean strings.Builder
	for line := range strings.Lines(text) {
		small := strings.ToLower(line)
		for _, l := range looksSecret {
			if slices.ContainsFunc(l.words, func(word string) bool { return strings.Contains(small, word) }) {
				line = l.pattern().ReplaceAllString(line, l.clean)
			}
		}
		clean.WriteString(line)
	}
	return clean.String()
}

func (s *scrubber) bytes(text []byte) []byte { return []byte(s.text(string(text))) }
