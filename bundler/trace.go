package bundler

import "os"

// The rules that Trace checks.
const (
	RuleOpened  = "opened"  // files that are opened lie in the tree
	RuleProgram = "program" // programs that are started lie in the tree
	RuleUnseen  = "unseen"  // what a program opens can be observed
)

// TraceOptions says how a program runs and what it may open.
type TraceOptions struct {
	Prefix string      // absolute, for example "/openhands"
	Root   string      // the program's root directory; empty: this process's
	Allow  []Allowance // files of the system that may be opened, programs that may be started

	Dir                   string   // the program's working directory; empty: this process's, or the root directory in a Root
	Env                   []string // its environment; nil: this process's
	Stdin, Stdout, Stderr *os.File // nil: /dev/null
}

// TraceReport is the result of Trace.
type TraceReport struct {
	Status    int       `json:"status"`   // exit status of the program, 128 and the signal if one ended it
	Programs  []string  `json:"programs"` // all that were started
	Opened    int       `json:"opened"`   // how often a file of the tree was opened
	Offenders []Finding `json:"offenders"`
	Excused   []Finding `json:"excused,omitempty"`
	Unused    []string  `json:"unusedAllowances,omitempty"`
}
