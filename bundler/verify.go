package bundler

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/bundler/internal/tree"
)

// The rules that Verify checks.
const (
	RuleFormat    = "format"    // an ELF file is readable
	RuleInterp    = "interp"    // programs start with the loader of the tree
	RuleNeeded    = "needed"    // every DT_NEEDED leads to a library of the tree
	RuleVersion   = "version"   // which defines the symbol versions that are asked of it
	RuleRunpath   = "runpath"   // DT_RPATH and DT_RUNPATH stay in the tree
	RuleExecStack = "execstack" // no stack is executable
	RuleConstants = "constants" // the C library looks into the tree
	RuleLink      = "link"      // symbolic links lead to something in the tree
)

// VerifyOptions says what to check against.
type VerifyOptions struct {
	Prefix string            // absolute, for example "/openhands"
	Links  map[string]string // links that may leave the tree: path to target
	Allow  []Allowance       // exceptions for optional parts that cannot work anyway
}

// Allowance excuses the files that a pattern matches. In a pattern "*" stands
// for any characters but a slash, "**" for any characters, "?" for one.
type Allowance struct {
	Pattern string
	Reason  string

	match *regexp.Regexp
}

// An Allowance is compared with every finding: of a list that somebody else has
// made, these are the most.
const (
	maxAllowances = 200
	maxPattern    = 1 << 10 // bytes
	maxWildcards  = 16      // of a pattern
)

// ParseAllowances reads lines "PATTERN: reason"; "#" begins a comment line. A
// list or a pattern beyond what is compared is an error that wraps ErrTooLarge.
func ParseAllowances(r io.Reader) ([]Allowance, error) {
	var list []Allowance
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, reason, _ := strings.Cut(line, ":")
		if strings.TrimSpace(reason) == "" || !strings.HasPrefix(pattern, "/") {
			return nil, fmt.Errorf("line %d: want \"/path/pattern: reason\"", n)
		}
		if len(list) == maxAllowances || len(pattern) > maxPattern || strings.Count(pattern, "*") > maxWildcards {
			return nil, fmt.Errorf("line %d: %w: exceptions are at most %d, of %d bytes and %d asterisks each", n, ErrTooLarge, maxAllowances, maxPattern, maxWildcards)
		}
		list = append(list, Allow(pattern, strings.TrimSpace(reason)))
	}
	return list, lines.Err()
}

// Allow returns an Allowance.
func Allow(pattern, reason string) Allowance {
	expr := regexp.QuoteMeta(pattern)
	expr = strings.NewReplacer(`\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`).Replace(expr)
	return Allowance{pattern, reason, regexp.MustCompile("^" + expr + "$")}
}

// Finding is a breach of a rule.
type Finding struct {
	Path   string `json:"path"`
	Rule   string `json:"rule"`
	Detail string `json:"detail"`
	Reason string `json:"reason,omitempty"` // of the Allowance that excuses it
}

// VerifyReport is the result of Verify.
type VerifyReport struct {
	Objects   int       `json:"objects"` // dynamic ELF files
	Offenders []Finding `json:"offenders"`
	Excused   []Finding `json:"excused,omitempty"`
	Unused    []string  `json:"unusedAllowances,omitempty"` // patterns that excused nothing
	Scripts   []Note    `json:"scripts,omitempty"`          // interpreters outside the tree
	Static    []string  `json:"static,omitempty"`
	Foreign   []string  `json:"foreign,omitempty"`
	Libc      string    `json:"libc,omitempty"` // release of the C library
}

// Verify checks that root/Prefix is sealed: that its programs and libraries
// need nothing outside. It resolves names as the sealed loader does.
func Verify(ctx context.Context, root string, opt VerifyOptions) (*VerifyReport, error) {
	var err error
	if opt.Prefix, err = CleanPrefix(opt.Prefix); err != nil {
		return nil, fmt.Errorf("verifying %s: %w", root, err)
	}
	files, err := scan(ctx, root, opt.Prefix)
	if err != nil {
		return nil, fmt.Errorf("verifying %s: %w", root, err)
	}
	v := &verifier{opt: opt, view: NewView(root), content: readHost}
	report, err := v.run(ctx, files)
	if err != nil {
		return nil, fmt.Errorf("verifying %s: %w", root, err)
	}
	return report, nil
}

type verifier struct {
	opt      VerifyOptions
	view     *View
	content  func(host string) ([]byte, error) // of a whole file
	known    *files                            // nil: those that are verified
	limits   treeLimits                        // of edges, looks and findings; 0: none
	machine  elf.Machine
	resolver *Resolver
	report   VerifyReport
	findings findings
}

// run verifies the files of a tree.
func (v *verifier) run(ctx context.Context, files []*scanned) (*VerifyReport, error) {
	v.findings.allow, v.findings.limit = v.opt.Allow, v.limits.faults
	if err := v.loader(); err != nil {
		return nil, err
	}
	v.resolver = NewResolver(v.view, Loader{Machine: v.machine, Dirs: []string{v.opt.Prefix + libFolder}})
	v.resolver.looks = v.limits.looks
	if v.known != nil {
		v.resolver.files = v.known
	}
	v.resolver.know(files)
	judged := map[pair]bool{}
	var missing missing
	followed := 0
	for _, f := range files {
		if err := errors.Join(ctx.Err(), v.findings.excess()); err != nil {
			return nil, err
		}
		if !v.file(f) {
			continue
		}
		for _, p := range f.locations() { // each has an $ORIGIN of its own
			closure, err := v.resolver.Closure(p.path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.path, err)
			}
			if followed += len(closure.Edges); v.limits.edges > 0 && followed > v.limits.edges {
				return nil, fmt.Errorf("%w: %d dependencies of ELF files", ErrTooLarge, v.limits.edges)
			}
			missing.add(closure)
			for _, e := range closure.Edges {
				if e.To == nil {
					continue
				}
				if pair := (pair{e.From.file, e.To.file, e.Name}); !judged[pair] {
					judged[pair] = true
					v.edge(e)
				}
			}
		}
	}
	missing.each(func(n Note) bool {
		v.add(n.Path, RuleNeeded, n.Text)
		return v.findings.excess() == nil
	})
	if err := v.findings.excess(); err != nil {
		return nil, err
	}
	v.report.Offenders, v.report.Excused, v.report.Unused = v.findings.sorted()
	return &v.report, nil
}

// pair is a file, another that it gets, and the name that it asks for.
type pair struct {
	from, to *file
	name     string
}

// edge judges what a file gets.
func (v *verifier) edge(e Edge) {
	if !tree.Within(e.To.Real, v.opt.Prefix) {
		v.add(e.From.Real, RuleNeeded, e.Name+" is found outside, at "+e.To.Real)
		return
	}
	for _, name := range e.missingVersions() {
		v.add(e.From.Real, RuleVersion, fmt.Sprintf("%s of %s, which is %s", name, e.Name, e.To.Real))
	}
}

// loader finds out for which machine the tree is, and checks the constants of
// the C library.
func (v *verifier) loader() error {
	e, err := v.view.Lookup(v.opt.Prefix + interpName)
	if err != nil {
		return fmt.Errorf("the loader: %w", err)
	}
	data, err := v.content(e.Host)
	if err != nil {
		return err
	}
	o, err := ReadObject(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", e.Path, err)
	}
	v.machine = o.Machine
	a, ok := abis[o.Machine]
	if !ok || o.Soname != a.loader {
		return fmt.Errorf("%s is not a loader of the GNU C library for amd64 or arm64", e.Path)
	}
	for _, soname := range []string{a.loader, libcSoname} {
		name := v.opt.Prefix + libFolder + "/" + soname
		e, err := v.view.Lookup(name)
		if err != nil {
			v.add(name, RuleConstants, "not there")
			continue
		}
		data, err := v.content(e.Host)
		if err != nil {
			return err
		}
		patches, err := constantPatches(bytes.NewReader(data), int64(len(data)), v.machine, soname, v.opt.Prefix)
		if err != nil {
			v.add(name, RuleConstants, err.Error())
		}
		for _, p := range patches {
			v.add(name, RuleConstants, fmt.Sprintf("%q is not replaced", strings.Trim(string(p.Old), "\x00")))
		}
		if soname == libcSoname {
			if version, err := glibcVersion(data); err == nil {
				v.report.Libc = "glibc " + version
			}
		}
	}
	return nil
}

// file checks the rules that concern one file alone and reports whether the
// others apply to it.
func (v *verifier) file(f *scanned) bool {
	o := f.object
	sealer := Sealer{Prefix: v.opt.Prefix, Machine: v.machine}
	switch {
	case f.target != "":
		v.link(f)
		return false
	case f.broken != nil:
		v.add(f.path, RuleFormat, f.broken.Error())
		return false
	case f.script != "":
		if !strings.HasPrefix(f.script, v.opt.Prefix+"/") {
			v.report.Scripts = append(v.report.Scripts, Note{f.path, f.script})
		}
		return false
	case o.Foreign || o.Machine != v.machine:
		v.report.Foreign = append(v.report.Foreign, f.path)
		return false
	case !f.sealable(v.machine):
		v.report.Static = append(v.report.Static, f.path)
		return false
	}
	v.report.Objects++
	if o.Interp != "" && o.Interp != v.opt.Prefix+interpName {
		v.add(f.path, RuleInterp, o.Interp)
	}
	if o.ExecStack {
		v.add(f.path, RuleExecStack, "asks for an executable stack, or does not say that it needs none")
	}
	for _, list := range []string{o.Rpath, o.Runpath} {
		if list == "" {
			continue
		}
		for _, p := range f.locations() {
			kept := sealer.keep(list, path.Dir(p.path))
			for element := range strings.SplitSeq(list, ":") {
				if !slices.Contains(kept, element) {
					v.add(p.path, RuleRunpath, fmt.Sprintf("%q", element))
				}
			}
		}
	}
	return true
}

func (v *verifier) link(f *scanned) {
	if target, ok := v.opt.Links[f.path]; ok && target == f.target {
		return
	}
	e, err := v.view.Lookup(f.path)
	switch target := f.target; {
	case err != nil:
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(f.path), target)
		}
		if target = path.Clean(target); !tree.Within(target, v.opt.Prefix) {
			v.add(f.path, RuleLink, f.target+" leads outside, to "+target)
			return
		}
		v.add(f.path, RuleLink, f.target+" leads nowhere")
	case !tree.Within(e.Real, v.opt.Prefix):
		v.add(f.path, RuleLink, f.target+" leads outside, to "+e.Real)
	}
}

func (v *verifier) add(name, rule, detail string) {
	v.findings.add(Finding{Path: name, Rule: rule, Detail: detail})
}

// findings are breaches, those that an Allowance excuses apart.
type findings struct {
	allow              []Allowance
	limit              int // of all findings, 0: none
	offenders, excused []Finding
	used               map[string]bool
}

// excess returns an error where there are more findings than the limit.
func (l *findings) excess() error {
	if l.limit > 0 && len(l.offenders)+len(l.excused) > l.limit {
		return fmt.Errorf("%w: %d findings", ErrTooLarge, l.limit)
	}
	return nil
}

// add takes a finding down; beyond the limit it is only known that there are
// more.
func (l *findings) add(f Finding) {
	if l.excess() != nil {
		return
	}
	for _, a := range l.allow {
		if a.match.MatchString(f.Path) {
			if l.used == nil {
				l.used = map[string]bool{}
			}
			l.used[a.Pattern] = true
			f.Reason = a.Reason
			l.excused = append(l.excused, f)
			return
		}
	}
	l.offenders = append(l.offenders, f)
}

// sorted returns the findings in order, and the patterns that excused none.
func (l *findings) sorted() (offenders, excused []Finding, unused []string) {
	for _, list := range [][]Finding{l.offenders, l.excused} {
		slices.SortFunc(list, func(a, b Finding) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Detail, b.Detail))
		})
	}
	for _, a := range l.allow {
		if !l.used[a.Pattern] {
			unused = append(unused, a.Pattern)
		}
	}
	return append([]Finding{}, l.offenders...), l.excused, unused
}
