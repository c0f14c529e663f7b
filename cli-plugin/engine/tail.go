package engine

// Tail keeps the last bytes of what is written to it: programs of an image may
// print without end.
type Tail struct{ kept []byte }

// maxTail is how much is kept, in bytes.
const maxTail = 64 << 10

// Write implements io.Writer.
func (t *Tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-maxTail):]...)
	if over := len(t.kept) - maxTail; over > 0 {
		t.kept = t.kept[:copy(t.kept, t.kept[over:])]
	}
	return len(p), nil
}

func (t *Tail) String() string { return string(t.kept) }
