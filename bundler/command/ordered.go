package command

import (
	"io"
	"sync"
)

// batch is the outcome for some files.
type batch struct {
	text    []byte // to be printed, which may be nothing
	missing int
	chains  int // that --why has found
	failed  []error
}

// ordered prints the outcomes for batches in the order of their numbers.
type ordered struct {
	mu      sync.Mutex
	array   array
	all     batch // without texts
	next    int
	waiting map[int]batch
	free    [][]byte // texts that are printed
}

// put prints a batch as soon as those before it are, and returns memory for
// the text of another.
func (o *ordered) put(i int, b batch) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting[i] = b
	for b, ok := o.waiting[o.next]; ok; b, ok = o.waiting[o.next] {
		delete(o.waiting, o.next)
		o.next++
		o.all.failed = append(o.all.failed, b.failed...)
		o.all.missing += b.missing
		o.all.chains += b.chains
		if err := o.array.add(b.text); err != nil {
			return nil, err
		}
		o.free = append(o.free, b.text[:0])
	}
	if n := len(o.free); n > 0 {
		text := o.free[n-1]
		o.free = o.free[:n-1]
		return text, nil
	}
	return make([]byte, 0, 32<<10), nil
}

// array writes the elements of a JSON array, a few at a time, or what is none.
type array struct {
	w    io.Writer
	bare bool
	any  bool
}

func (a *array) add(elements []byte) error {
	if len(elements) == 0 {
		return nil
	}
	if !a.bare {
		start := "["
		if a.any {
			start = ","
		}
		if _, err := io.WriteString(a.w, start); err != nil {
			return err
		}
	}
	a.any = true
	_, err := a.w.Write(elements)
	return err
}

func (a *array) end() error {
	text := "\n]\n"
	switch {
	case a.bare:
		return nil
	case !a.any:
		text = "[]\n"
	}
	_, err := io.WriteString(a.w, text)
	return err
}
