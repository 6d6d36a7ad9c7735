package facts_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanade-go/kanade/inventory/facts"
)

func whole() facts.Host {
	return facts.Host{
		OS: &facts.OS{}, Hardware: &facts.Hardware{}, Storage: &facts.Storage{}, Network: &facts.Network{},
		Software: &facts.Software{}, Updates: &facts.Updates{}, Services: &facts.Services{}, Accounts: &facts.Accounts{},
		Security: &facts.Security{},
	}
}

// The names are those of the JSON, and each has its section.
func TestSectionsAreThoseOfTheJSON(t *testing.T) {
	data, err := json.Marshal(whole())
	require.NoError(t, err)
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &keys))
	for _, name := range facts.Sections() {
		require.Contains(t, keys, name)
		require.NotNil(t, whole().Section(name), name)
		require.Nil(t, facts.Host{}.Section(name), "a missing section is an untyped nil")
	}
	require.Len(t, keys, len(facts.Sections())+2, "and hostname and collected_at")
}

func TestASectionOfItsOwn(t *testing.T) {
	h := facts.Host{Extra: map[string]any{"racks": 7}}
	require.Equal(t, 7, h.Section("racks"))
	require.Nil(t, h.Section("shelves"))
}

func hash(t *testing.T, section any) string {
	t.Helper()
	sum, err := facts.Hash(section)
	require.NoError(t, err)
	return sum
}

func TestHashOfWhatIsNoJSON(t *testing.T) {
	_, err := facts.Hash(make(chan int))
	require.ErrorContains(t, err, "facts: hash section")
}

func Example() {
	data := []byte(`{"hostname":"pc-1","collected_at":"2031-03-04T05:00:00Z","os":{"family":"linux","name":"Debian GNU/Linux 12","arch":"amd64","utc_offset":0,"domain":{}}}`)
	var host facts.Host
	if err := json.Unmarshal(data, &host); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(host.OS.Name, "on", host.Hostname)
	// Output: Debian GNU/Linux 12 on pc-1
}

func TestWhatIsSetIsTheSection(t *testing.T) {
	var h facts.Host
	for _, name := range facts.Sections() {
		section := facts.New(name)
		h.Set(name, section)
		require.Same(t, section, h.Section(name), name)
	}
	h.Set("racks", 7)
	h.Set("racks", nil)
	require.Equal(t, 7, h.Section("racks"))
	require.Nil(t, facts.New("racks"))
}
