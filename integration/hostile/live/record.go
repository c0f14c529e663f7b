package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// record is what came of cases, by seed and store. A file has a line of JSON for
// each, so that it holds whatever was tried before a run was cut.
type record struct {
	mu    sync.Mutex
	known map[key]outcome
	file  *os.File // nil: nothing is kept
}

type key struct {
	Seed  uint64
	Store string
}

type line struct {
	key
	outcome
}

// openRecord reads a record and makes it where there is none.
func openRecord(name string) (*record, error) {
	r := &record{known: map[key]outcome{}}
	if name == "" {
		return r, nil
	}
	var err error
	if r.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
		return nil, err
	}
	lines := json.NewDecoder(r.file)
	for {
		var l line
		switch err := lines.Decode(&l); {
		case err == io.EOF:
			return r, nil
		case err != nil:
			return nil, errors.Join(fmt.Errorf("reading %s: %w", name, err), r.file.Close())
		}
		r.known[l.key] = l.outcome
	}
}

func (r *record) get(seed uint64, store string) (outcome, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := r.known[key{seed, store}]
	return o, ok
}

func (r *record) put(seed uint64, store string, o outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := line{key{seed, store}, o}
	r.known[l.key] = o
	if r.file == nil {
		return nil
	}
	return json.NewEncoder(r.file).Encode(l)
}

// failures returns an error for each case that came to neither a server nor a
// reason.
func (r *record) failures(cases []row) error {
	var all []error
	for _, c := range cases {
		for _, store := range stores {
			if o, ok := r.get(c.c.Seed, store); ok && !o.Well {
				all = append(all, fmt.Errorf("%s over %s: %s", c.c, c.base, o.Text))
			}
		}
	}
	return errors.Join(all...)
}

func (r *record) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
