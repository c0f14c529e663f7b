package traditional

import (
	"fmt"
	"io"

	controls "github.com/nikolalohinski/gonja/v2/builtins/control_structures"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"
)

// Nothing can interrupt a renderer, so what a template can say is bounded
// instead: it has conditions and macros without parameters, as OpenHands' own
// templates have, and no loops, variables and other files. Without a way to
// give a value a name, a text grows only by being written.

// The bounds of a template. Those of OpenHands have up to 20 KiB, call ten
// macros, and 20 tokens in an expression.
const (
	maxTemplate   = 64 << 10 // bytes
	maxDockerfile = 1 << 20  // bytes, together with what each macro returns
	maxCalls      = 1000     // of macros
	maxTokens     = 1000     // of an expression
)

// parse reads a template.
func parse(text string) (t *exec.Template, err error) {
	defer recovered(&err)
	const name = "/" + templateFile
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("it has more than %d bytes", maxTemplate)
	}
	if err := checkTokens(text); err != nil {
		return nil, err
	}
	loader, err := loaders.NewMemoryLoader(map[string]string{name: text}) // that knows no other file
	if err != nil {
		return nil, err
	}
	return exec.NewTemplate(name, config.New(), loader, environment())
}

// render writes a template with its parameters into w.
func render(t *exec.Template, w io.Writer, parameters map[string]any) (err error) {
	defer recovered(&err)
	return t.Execute(w, exec.NewContext(parameters))
}

// recovered makes an error of a panic of the renderer.
func recovered(err *error) {
	if failure := recover(); failure != nil {
		*err = fmt.Errorf("%v", failure)
	}
}

// checkTokens refuses long expressions and operators that multiply a text.
func checkTokens(text string) error {
	stream, count := tokens.LexAll(text, config.New()), 0
	for ; !stream.End(); stream.Next() {
		token := stream.Current()
		switch token.Type {
		case tokens.BlockBegin, tokens.VariableBegin:
			count = 0
		case tokens.Multiply, tokens.Power:
			return fmt.Errorf("the operator %s is refused at line %d", token.Val, token.Line)
		}
		if count++; count > maxTokens {
			return fmt.Errorf("there are more than %d words in the expression at line %d", maxTokens, token.Line)
		}
	}
	return nil
}

// environment is what a template can use.
func environment() *exec.Environment {
	conditions, _ := controls.All.Get("if")
	raw, _ := controls.All.Get("raw")
	return &exec.Environment{
		Context: exec.EmptyContext(),
		Filters: filters(),
		Tests:   tests(),
		ControlStructures: exec.NewControlStructureSet(map[string]parser.ControlStructureParser{
			"if": conditions, "raw": raw, "macro": new(macros).parse,
		}),
		Methods: exec.Methods{
			Bool: exec.NewMethodSet[bool](nil), Int: exec.NewMethodSet[int](nil), Float: exec.NewMethodSet[float64](nil),
			Str: methods(), Dict: exec.NewMethodSet[map[string]any](nil), List: exec.NewMethodSet[[]any](nil),
		},
	}
}

// macros counts the calls of a template's macros and what they return.
type macros struct {
	calls, bytes int
}

func (m *macros) parse(p, args *parser.Parser) (nodes.ControlStructure, error) {
	parse, _ := controls.All.Get("macro")
	parsed, err := parse(p, args)
	if err != nil {
		return nil, err
	}
	found, ok := parsed.(*controls.MacroControlStructure)
	if !ok || len(found.Kwargs) > 0 || found.VarArgsName != "" || found.KwArgsName != "" {
		return nil, fmt.Errorf("a macro with parameters is refused at line %d", parsed.Position().Line)
	}
	return macro{found.Macro, m}, nil
}

// macro is one without parameters.
type macro struct {
	*nodes.Macro
	all *macros
}

// Execute makes the macro known.
func (m macro) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	r.Environment.Context.Set(m.Name, exec.Macro(func(*exec.VarArgs) *exec.Value {
		if m.all.calls++; m.all.calls > maxCalls {
			return exec.AsValue(fmt.Errorf("macros are called more than %d times", maxCalls))
		}
		out := limitedText{left: maxDockerfile - m.all.bytes}
		sub := r.Inherit()
		sub.Output = &out
		err := sub.ExecuteWrapper(m.Wrapper)
		m.all.bytes += out.text.Len()
		if err != nil {
			return exec.AsValue(err)
		}
		return exec.AsSafeValue(out.text.String())
	}))
	return nil
}
