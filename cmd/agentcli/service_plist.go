package agentcli

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// plistOf is the job of launchd. KeepAlive starts it again whatever it ends with, 10
// seconds after its start at the soonest.
func plistOf(d serviceDefinition) string {
	p := plist{}
	p.text.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
`)
	p.texts("Label", d.Name)
	p.key("ProgramArguments")
	p.text.WriteString("\t<array>\n")
	for _, arg := range append([]string{d.Program}, d.Arguments...) {
		p.text.WriteString("\t" + p.element("string", arg))
	}
	p.text.WriteString("\t</array>\n")
	for _, key := range []string{"RunAtLoad", "KeepAlive"} {
		p.key(key)
		p.text.WriteString("\t<true/>\n")
	}
	p.number("ThrottleInterval", 10)
	p.number("ExitTimeOut", 30) // more than stopBudget
	if dir := d.logDir(); dir != "" {
		p.texts("StandardErrorPath", filepath.Join(dir, d.Name+".err.log"))
	}
	p.text.WriteString("</dict>\n</plist>\n")
	return p.text.String()
}

type plist struct{ text strings.Builder }

func (p *plist) key(name string) { p.text.WriteString(p.element("key", name)) }

func (p *plist) texts(key, value string) {
	p.key(key)
	p.text.WriteString(p.element("string", value))
}

func (p *plist) number(key string, n int) {
	p.key(key)
	p.text.WriteString(p.element("integer", fmt.Sprint(n)))
}

func (p *plist) element(name, text string) string {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(text)) // into memory
	return "\t<" + name + ">" + escaped.String() + "</" + name + ">\n"
}

// commandOfPlist are the ProgramArguments of a job; nil: it has none.
func commandOfPlist(text string) ([]string, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	var words []string
	key, inside, element := "", false, ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return words, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			element = t.Name.Local
			inside = inside || element == "array" && key == "ProgramArguments"
			if inside && element == "string" {
				words = append(words, "")
			}
		case xml.EndElement:
			inside = inside && t.Name.Local != "array"
			element = ""
		case xml.CharData:
			switch {
			case element == "key":
				key = string(t)
			case element == "string" && inside:
				words[len(words)-1] += string(t)
			}
		}
	}
}
