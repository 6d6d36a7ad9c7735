package logs

import (
	"errors"
	"io/fs"
	"strings"
)

// Tail returns the last lines of the newest log below a template as in
// [Config.File], the newest one last: at most so many, and about limit bytes of
// them, of which the first may have lost its beginning then. Where there is no
// log there are none. What is not a file is [ErrNoLog].
func Tail(file string, lines uint32, limit int64) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := filesOf(file).tail(lines, limit)
	if errors.Is(err, fs.ErrNotExist) || len(text) == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}
