package wire

import "github.com/google/uuid"

// ExitRefused is a command that was not trusted and therefore not run.
const ExitRefused = 123

// RefusalID derives the id of the result that refuses a command, a UUID of
// version 5. It differs from [ResultID], so that a corrected command may use the
// request id again; repeats of the refusal have the same id.
func RefusalID(requestID, pcID string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(requestID+"|"+pcID+"|signature-refused")).String()
}
