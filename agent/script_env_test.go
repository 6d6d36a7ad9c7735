package agent

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScriptsInheritNoSecret(t *testing.T) {
	got := scriptEnv([]string{
		"PATH=/bin", "KANADE_NATS_TOKEN=s3cret", "kanade_nats_proxy=http://u:s3cret@p", "KANADE_AGENT_ID=PC-1",
		"HTTPS_PROXY=http://u:s3cret@proxy:3128", "http_proxy=u:s3cret@proxy:3128/", "ALL_PROXY=socks5://u:s3c@ret%zz@proxy:1080",
		"NO_PROXY=.example", "Https_Proxy=http://proxy:3128", "MAIL=a@b",
	})
	require.Equal(t, []string{
		"PATH=/bin", "KANADE_AGENT_ID=PC-1",
		"HTTPS_PROXY=http://proxy:3128", "http_proxy=proxy:3128/", "ALL_PROXY=socks5://proxy:1080",
		"NO_PROXY=.example", "Https_Proxy=http://proxy:3128", "MAIL=a@b",
	}, got)
}
