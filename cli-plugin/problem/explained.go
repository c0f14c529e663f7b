package problem

import (
	"fmt"
	"strings"
)

// Explained returns the entries of codes, all without any. A code may be written
// without its prefix, its zeros or its upper case.
func Explained(codes []string) ([]Entry, error) {
	all := Catalogue()
	if len(codes) == 0 {
		return all, nil
	}
	short := func(code string) string {
		return strings.TrimLeft(strings.TrimPrefix(strings.ToUpper(code), "OH-"), "0")
	}
	var found []Entry
	for _, code := range codes {
		before := len(found)
		for _, entry := range all {
			if short(string(entry.Code)) == short(code) {
				found = append(found, entry)
			}
		}
		if len(found) == before {
			return nil, New(Usage, fmt.Sprintf("there is no code %q", code), nil, "'docker openhands explain' lists all codes")
		}
	}
	return found, nil
}
