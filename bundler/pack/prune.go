package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// Prune is a rule that leaves files out of a component: all that its patterns
// match, and what is below a matched directory. Patterns are relative to the
// prefix; each element is one of path.Match, and the element "**" stands for
// any number of elements, none included.
type Prune struct {
	Paths  []string `json:"paths"`
	Keep   []string `json:"keep,omitempty"` // stays with all below it, whatever Paths matches
	Reason string   `json:"reason"`         // why nothing misses the files at run time

	// Optional lets patterns match nothing, for files that only some versions
	// bring. Otherwise each must match, so that no rule outlives its files.
	Optional bool `json:"optional,omitempty"`
}

// Pruned says what a rule left out.
type Pruned struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

func (p Prune) validate() error {
	if len(p.Paths) == 0 || p.Reason == "" {
		return fmt.Errorf("prune %q: paths and reason must be given", p.Paths)
	}
	for _, pattern := range append(append([]string{}, p.Paths...), p.Keep...) {
		if path.IsAbs(pattern) || path.Clean(pattern) != pattern || pattern == "**" || strings.HasPrefix(pattern, "../") {
			return fmt.Errorf("prune %q is not a clean path relative to the prefix", pattern)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("prune %q: %w", pattern, err)
		}
	}
	return nil
}

// pattern is a path pattern in elements.
type pattern struct {
	elements []string
	matched  bool
}

func newPatterns(texts []string) []*pattern {
	patterns := make([]*pattern, len(texts))
	for i, text := range texts {
		patterns[i] = &pattern{elements: strings.Split(text, "/")}
	}
	return patterns
}

// matchAny marks every pattern that matches and reports whether one does.
func matchAny(patterns []*pattern, elements []string) bool {
	found := false
	for _, p := range patterns {
		if matchElements(p.elements, elements) {
			p.matched, found = true, true
		}
	}
	return found
}

func matchElements(pattern, elements []string) bool {
	for ; len(pattern) > 0; pattern = pattern[1:] {
		if pattern[0] == "**" {
			for skip := range len(elements) + 1 {
				if matchElements(pattern[1:], elements[skip:]) {
					return true
				}
			}
			return false
		}
		if len(elements) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], elements[0]); !ok || err != nil {
			return false
		}
		elements = elements[1:]
	}
	return len(elements) == 0
}

// pruner applies rules to the files below one directory.
type pruner struct {
	rules  []Prune
	paths  [][]*pattern // by rule
	keep   [][]*pattern
	report []Pruned
}

// prune removes from root/prefix what the rules say, and the directories that
// become empty by it.
func prune(ctx context.Context, root, prefix string, rules []Prune) ([]Pruned, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	p := &pruner{rules: rules}
	for _, rule := range rules {
		p.paths = append(p.paths, newPatterns(rule.Paths))
		p.keep = append(p.keep, newPatterns(rule.Keep))
		p.report = append(p.report, Pruned{Reason: rule.Reason})
	}
	if _, err := p.dir(ctx, filepath.Join(root, prefix), nil, make([]fate, len(rules))); err != nil {
		return nil, fmt.Errorf("pruning: %w", err)
	}
	var unused []error
	for i, rule := range rules {
		for j, pattern := range append(p.paths[i], p.keep[i]...) {
			if !pattern.matched && !rule.Optional {
				unused = append(unused, fmt.Errorf("prune %q matches no file: correct or remove it", append(append([]string{}, rule.Paths...), rule.Keep...)[j]))
			}
		}
	}
	return p.report, errors.Join(unused...)
}

// fate is what one rule means for a path.
type fate int

const (
	untouched fate = iota
	pruned
	kept
)

// dir prunes a directory; fates says what each rule means for it. It returns
// whether the directory was emptied and removed.
func (p *pruner) dir(ctx context.Context, host string, elements []string, fates []fate) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	entries, err := os.ReadDir(host)
	if err != nil {
		return false, err
	}
	left := len(entries)
	for _, entry := range entries {
		name := filepath.Join(host, entry.Name())
		below := append(elements[:len(elements):len(elements)], entry.Name())
		fates := p.fates(below, fates)
		var removed bool
		if entry.IsDir() {
			removed, err = p.dir(ctx, name, below, fates)
		} else {
			removed, err = p.file(name, entry, fates)
		}
		if err != nil {
			return false, err
		}
		if removed {
			left--
		}
	}
	// The prefix stays, and so does what was empty before unless it is matched.
	if left > 0 || len(elements) == 0 || len(entries) == 0 && !slices.Contains(fates, pruned) {
		return false, nil
	}
	return true, os.Remove(host)
}

// fates returns what each rule means for a path below one whose fates are above.
func (p *pruner) fates(elements []string, above []fate) []fate {
	fates := slices.Clone(above)
	for i := range p.rules {
		switch {
		case above[i] == kept:
		case matchAny(p.keep[i], elements):
			fates[i] = kept
		case matchAny(p.paths[i], elements):
			fates[i] = pruned
		}
	}
	return fates
}

// file removes a file and counts it for the first rule that matches it.
func (p *pruner) file(host string, entry fs.DirEntry, fates []fate) (bool, error) {
	for i, fate := range fates {
		if fate != pruned {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return false, err
		}
		p.report[i].Files++
		if _, linked := tree.Inode(info); info.Mode().IsRegular() && !linked {
			p.report[i].Bytes += info.Size()
		}
		return true, os.Remove(host)
	}
	return false, nil
}
