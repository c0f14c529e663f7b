package bundler

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// Open is a library that a file opens at run time, from its .note.dlopen
// section (the ELF package metadata standard's "dlopen metadata").
type Open struct {
	Sonames     []string `json:"soname"` // any one of them, the first is preferred
	Feature     string   `json:"feature,omitempty"`
	Description string   `json:"description,omitempty"`
	Priority    string   `json:"priority,omitempty"` // empty: PriorityRecommended
}

// The priorities of an Open: whether the file works without the library.
const (
	PriorityRequired    = "required"
	PriorityRecommended = "recommended"
	PrioritySuggested   = "suggested"
)

// The type and the owner of a dlopen note.
const (
	noteDlopen      = 0x407c0c0a
	noteDlopenOwner = "FDO\x00"
)

// maxNotes bounds the size of a file's notes.
const maxNotes = 1 << 20

// ReadOpens returns what the notes of an object say that it opens. The object
// must have been read from r.
func (o *Object) ReadOpens(r io.ReaderAt) ([]Open, error) {
	var opens []Open
	left := uint64(maxNotes)
	for _, n := range o.notes {
		if n.size > left {
			return nil, fmt.Errorf("PT_NOTE: more than %d bytes of notes", maxNotes)
		}
		left -= n.size
		notes, err := readAt(r, n.off, int(n.size))
		if err != nil {
			return nil, fmt.Errorf("PT_NOTE: %w", err)
		}
		found, err := dlopenNotes(notes, max(n.align, 4))
		if err != nil {
			return nil, fmt.Errorf("dlopen note: %w", err)
		}
		opens = append(opens, found...)
	}
	return opens, nil
}

// dlopenNotes reads the entries of a PT_NOTE segment. Names and descriptions
// are padded to the alignment of the segment.
func dlopenNotes(notes []byte, align uint64) ([]Open, error) {
	if align != 8 {
		align = 4
	}
	le := binary.LittleEndian
	var opens []Open
	for len(notes) >= 12 {
		nameSize, descSize, kind := uint64(le.Uint32(notes)), uint64(le.Uint32(notes[4:])), le.Uint32(notes[8:])
		desc := (12 + nameSize + align - 1) &^ (align - 1)
		end := desc + descSize
		if end > uint64(len(notes)) {
			return opens, nil
		}
		if kind == noteDlopen && string(notes[12:12+nameSize]) == noteDlopenOwner {
			var list []Open
			if err := json.Unmarshal(bytes.TrimRight(notes[desc:end], "\x00"), &list); err != nil {
				return nil, err
			}
			opens = append(opens, list...)
		}
		notes = notes[min((end+align-1)&^(align-1), uint64(len(notes))):]
	}
	return opens, nil
}
