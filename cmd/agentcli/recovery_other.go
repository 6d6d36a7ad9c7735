//go:build !linux && !windows

package agentcli

import "context"

func serviceRecovery(context.Context, string) (recovery, error) {
	return recovery{}, errRecoveryUnknown
}
