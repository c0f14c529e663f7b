package main

import (
	"slices"
	"strings"
)

// option is one option of a command line, under its short letter.
type option struct {
	letter byte
	value  string
}

// syntax is what getopt_long(3) is told of a program's options.
type syntax struct {
	short    string          // letters; one that takes a value is followed by ':'
	long     map[string]byte // long names to letters
	optional string          // a long name that can have a value, after '=', though its letter takes none
	ordered  bool            // options end at the first operand
}

// parse splits args into options and operands. "--" ends the options.
func (s syntax) parse(args []string) (options []option, operands []string, err error) {
	takesValue := func(letter byte) (takes, known bool) {
		i := strings.IndexByte(s.short, letter)
		if i < 0 || letter == ':' {
			return false, false
		}
		return strings.HasPrefix(s.short[i+1:], ":"), true
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return options, slices.Concat(operands, args), nil
		}
		if name, ok := strings.CutPrefix(arg, "--"); ok {
			name, value, hasValue := strings.Cut(name, "=")
			letter, known := s.long[name]
			takes, _ := takesValue(letter)
			switch {
			case !known || hasValue && !takes && name != s.optional:
				return nil, nil, usage("unrecognized option %s", arg)
			case takes && !hasValue && len(args) == 0:
				return nil, nil, usage("option %s needs a value", arg)
			case takes && !hasValue:
				value, args = args[0], args[1:]
			}
			options = append(options, option{letter, value})
			continue
		}
		if len(arg) < 2 || arg[0] != '-' {
			operands = append(operands, arg)
			if s.ordered {
				return options, slices.Concat(operands, args), nil
			}
			continue
		}
		for i := 1; i < len(arg); i++ {
			takes, known := takesValue(arg[i])
			o := option{letter: arg[i]}
			switch {
			case !known:
				return nil, nil, usage("invalid option -%c", arg[i])
			case takes && i+1 < len(arg):
				o.value = arg[i+1:]
				i = len(arg)
			case takes && len(args) == 0:
				return nil, nil, usage("option -%c needs a value", arg[i])
			case takes:
				o.value, args = args[0], args[1:]
			}
			options = append(options, o)
		}
	}
	return options, operands, nil
}
