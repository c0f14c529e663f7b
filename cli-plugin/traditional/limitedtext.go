package traditional

import (
	"fmt"
	"strings"
)

// limitedText is a text that takes no more than left bytes.
type limitedText struct {
	text strings.Builder
	left int
}

func (t *limitedText) Write(data []byte) (int, error) { return t.WriteString(string(data)) }

func (t *limitedText) WriteString(text string) (int, error) {
	if t.left -= len(text); t.left < 0 {
		return 0, fmt.Errorf("it becomes more than %d bytes", maxDockerfile)
	}
	return t.text.WriteString(text)
}
