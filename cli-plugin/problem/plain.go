package problem

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// plain is what err says, without the names of system calls and of Go's
// functions in it.
func plain(err error) string {
	text := err.Error()
	var path *fs.PathError
	if errors.As(err, &path) {
		told := fmt.Sprintf("%s: %v", path.Path, path.Err)
		if errors.Is(path, fs.ErrNotExist) {
			told = path.Path + " does not exist"
		}
		text = strings.ReplaceAll(text, path.Error(), told)
	}
	var number *strconv.NumError
	if errors.As(err, &number) {
		text = strings.ReplaceAll(text, number.Error(), fmt.Sprintf("%q: %v", number.Num, number.Err))
	}
	return text
}

// stop ends a sentence that has no end yet.
func stop(sentence string) string {
	if strings.HasSuffix(sentence, "?") {
		return sentence
	}
	return sentence + "."
}
