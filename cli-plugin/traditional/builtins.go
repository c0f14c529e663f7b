package traditional

import (
	"cmp"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nikolalohinski/gonja/v2/exec"
)

// What templates can call, as Jinja and Python define it. The renderer's own set
// is not used: with the rest of Jinja's filters and Python's methods it would make
// the plugin a megabyte larger. What is not here makes texts longer, or has no
// meaning without loops and variables.

// filters are those of https://jinja.palletsprojects.com/en/stable/templates/#builtin-filters.
func filters() *exec.FilterSet {
	return exec.NewFilterSet(map[string]exec.FilterFunction{
		"capitalize": textFilter(capitalize),
		"d":          orDefault,
		"default":    orDefault,
		"first":      element(func(int) int { return 0 }),
		"last":       element(func(length int) int { return length - 1 }),
		"length":     filter(func(v *exec.Value) any { return v.Len() }),
		"lower":      textFilter(strings.ToLower),
		"string":     textFilter(func(text string) string { return text }),
		"trim":       trim,
		"upper":      textFilter(strings.ToUpper),
	})
}

// filter is one without parameters. An error goes through it.
func filter(of func(*exec.Value) any) exec.FilterFunction {
	return func(_ *exec.Evaluator, v *exec.Value, args *exec.VarArgs) *exec.Value {
		if v.IsError() {
			return v
		}
		if err := args.Take(); err != nil {
			return invalid(err)
		}
		return exec.AsValue(of(v))
	}
}

func textFilter(of func(string) string) exec.FilterFunction {
	return filter(func(v *exec.Value) any { return of(v.String()) })
}

// element is the one of a list or a text that at tells from its length.
func element(at func(length int) int) exec.FilterFunction {
	return filter(func(v *exec.Value) any {
		if !v.CanSlice() || v.Len() == 0 {
			return ""
		}
		return v.Index(at(v.Len())).Interface()
	})
}

func capitalize(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return strings.ToUpper(string(first)) + strings.ToLower(text[size:])
}

// orDefault gives its first argument for what is undefined, and with true as the
// second one for what counts as false.
func orDefault(_ *exec.Evaluator, v *exec.Value, args *exec.VarArgs) *exec.Value {
	var instead any
	var falseToo bool
	if err := args.Take(
		exec.KeywordArgument("default_value", exec.AsValue(""), exec.AnyArgument(&instead)),
		exec.KeywordArgument("boolean", exec.AsValue(false), exec.BoolArgument(&falseToo)),
	); err != nil {
		return invalid(err)
	}
	if v.IsError() || v.IsNil() || falseToo && !v.IsTrue() {
		return exec.AsValue(instead)
	}
	return v
}

func trim(_ *exec.Evaluator, v *exec.Value, args *exec.VarArgs) *exec.Value {
	if v.IsError() {
		return v
	}
	var chars any
	if err := args.Take(exec.KeywordArgument("chars", exec.AsValue(nil), exec.AnyArgument(&chars))); err != nil {
		return invalid(err)
	}
	return exec.AsValue(strip(v.String(), chars))
}

// strip is Python's str.strip; chars is nil for white space.
func strip(text string, chars any) string {
	if chars, ok := chars.(string); ok {
		return strings.Trim(text, chars)
	}
	return strings.TrimFunc(text, unicode.IsSpace)
}

func invalid(err error) *exec.Value { return exec.AsValue(exec.ErrInvalidCall(err)) }

// methods are those of texts,
// https://docs.python.org/3/library/stdtypes.html#string-methods.
func methods() *exec.MethodSet[string] {
	return exec.NewMethodSet(map[string]exec.Method[string]{
		"endswith":   affix(strings.HasSuffix),
		"lower":      textMethod(strings.ToLower),
		"startswith": affix(strings.HasPrefix),
		"strip": func(text string, _ *exec.Value, args *exec.VarArgs) (any, error) {
			var chars any
			if err := args.Take(exec.PositionalArgument("chars", exec.AsValue(nil), exec.AnyArgument(&chars))); err != nil {
				return nil, exec.ErrInvalidCall(err)
			}
			return strip(text, chars), nil
		},
		"upper": textMethod(strings.ToUpper),
	})
}

func textMethod(of func(string) string) exec.Method[string] {
	return func(text string, _ *exec.Value, args *exec.VarArgs) (any, error) {
		if err := args.Take(); err != nil {
			return nil, exec.ErrInvalidCall(err)
		}
		return of(text), nil
	}
}

// affix is a method that looks for a text at an end of another one, or of the
// part of it that begins and ends with the characters of these numbers.
func affix(has func(text, affix string) bool) exec.Method[string] {
	return func(text string, _ *exec.Value, args *exec.VarArgs) (any, error) {
		var wanted string
		var start, end int
		characters := []rune(text)
		if err := args.Take(
			exec.PositionalArgument("affix", nil, exec.StringArgument(&wanted)),
			exec.PositionalArgument("start", exec.AsValue(0), exec.IntArgument(&start)),
			exec.PositionalArgument("end", exec.AsValue(len(characters)), exec.IntArgument(&end)),
		); err != nil {
			return nil, exec.ErrInvalidCall(err)
		}
		length := len(characters)
		if start > length {
			return false, nil
		}
		start, end = bound(start, length), bound(end, length)
		return start <= end && has(string(characters[start:end]), wanted), nil
	}
}

// bound is an index of Python's slices: a negative one counts from the end.
func bound(index, length int) int {
	if index < 0 {
		index += length
	}
	return min(max(index, 0), length)
}

// test is a function behind "is".
type test = func(*exec.Evaluator, *exec.Value, *exec.VarArgs) (bool, error)

// tests are those of https://jinja.palletsprojects.com/en/stable/templates/#builtin-tests,
// but for "escaped": nothing is escaped here.
func tests() *exec.TestSet {
	undefined := is(func(v *exec.Value) bool { return v.IsError() || v.IsNil() })
	iterable := is(func(v *exec.Value) bool { return v.IsList() || v.IsString() || v.IsDict() })
	equal := compared(func(a, b *exec.Value) bool { return a.EqualValueTo(b) })
	unequal := compared(func(a, b *exec.Value) bool { return !a.EqualValueTo(b) })
	less := ordered(func(order int) bool { return order < 0 })
	atMost := ordered(func(order int) bool { return order <= 0 })
	greater := ordered(func(order int) bool { return order > 0 })
	atLeast := ordered(func(order int) bool { return order >= 0 })
	return exec.NewTestSet(map[string]exec.TestFunction{
		"boolean":   is((*exec.Value).IsBool),
		"callable":  is((*exec.Value).IsCallable),
		"defined":   is(func(v *exec.Value) bool { return !v.IsError() && !v.IsNil() }),
		"undefined": undefined, "none": undefined,
		"true":     is(func(v *exec.Value) bool { return v.IsBool() && v.Bool() }),
		"false":    is(func(v *exec.Value) bool { return v.IsBool() && !v.Bool() }),
		"string":   is((*exec.Value).IsString),
		"number":   is(func(v *exec.Value) bool { return v.IsNumber() || v.IsBool() }),
		"integer":  is((*exec.Value).IsInteger),
		"float":    is((*exec.Value).IsFloat),
		"mapping":  is((*exec.Value).IsDict),
		"iterable": iterable, "sequence": iterable,
		"lower": is(cased(strings.ToLower, strings.ToUpper)),
		"upper": is(cased(strings.ToUpper, strings.ToLower)),
		"odd":   is(func(v *exec.Value) bool { return v.IsInteger() && v.Integer()%2 != 0 }),
		"even":  is(func(v *exec.Value) bool { return v.IsInteger() && v.Integer()%2 == 0 }),
		"divisibleby": compared(func(a, b *exec.Value) bool {
			return a.IsInteger() && b.IsInteger() && b.Integer() != 0 && a.Integer()%b.Integer() == 0
		}),
		"in":     compared(func(a, b *exec.Value) bool { return b.Contains(a) }),
		"sameas": compared(func(a, b *exec.Value) bool { return a.IsBool() == b.IsBool() && a.EqualValueTo(b) }),
		"==":     equal, "eq": equal, "equalto": equal,
		"!=": unequal, "ne": unequal,
		"<": less, "lt": less, "lessthan": less,
		"<=": atMost, "le": atMost,
		">": greater, "gt": greater, "greaterthan": greater,
		">=": atLeast, "ge": atLeast,
		"filter": test(func(e *exec.Evaluator, v *exec.Value, _ *exec.VarArgs) (bool, error) {
			return e.Environment.Filters.Exists(v.String()), nil
		}),
		"test": test(func(e *exec.Evaluator, v *exec.Value, _ *exec.VarArgs) (bool, error) {
			return e.Environment.Tests.Exists(v.String()), nil
		}),
	})
}

// is tests a value alone.
func is(holds func(*exec.Value) bool) test {
	return func(_ *exec.Evaluator, v *exec.Value, args *exec.VarArgs) (bool, error) {
		if err := args.Take(); err != nil {
			return false, exec.ErrInvalidCall(err)
		}
		return holds(v), nil
	}
}

// compared tests a value against the one behind the test's name.
func compared(holds func(v, with *exec.Value) bool) test {
	return func(_ *exec.Evaluator, v *exec.Value, args *exec.VarArgs) (bool, error) {
		if len(args.Args) != 1 || len(args.KwArgs) > 0 {
			return false, exec.ErrInvalidCall(errors.New("it compares with one value"))
		}
		return holds(v, args.First()), nil
	}
}

// ordered tests how two texts or two numbers are ordered, as cmp.Compare says it.
func ordered(holds func(order int) bool) test {
	return compared(func(v, with *exec.Value) bool {
		switch {
		case v.IsString() && with.IsString():
			return holds(strings.Compare(v.String(), with.String()))
		case v.IsNumber() && with.IsNumber():
			return holds(cmp.Compare(v.Float(), with.Float()))
		}
		return false
	})
}

// cased reports whether a text has letters and all of them are in one case.
func cased(same, other func(string) string) func(*exec.Value) bool {
	return func(v *exec.Value) bool {
		text := v.String()
		return v.IsString() && same(text) == text && other(text) != text
	}
}
